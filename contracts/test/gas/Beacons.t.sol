// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "../../src/interfaces/IBeacon.sol";
import { RandaoBeacon } from "../../src/beacons/RandaoBeacon.sol";
import { BeaconTest } from "../utils/BeaconTest.sol";
import { Calldata } from "../utils/Calldata.sol";

/// @dev What a round costs who brings it. Honest only with `FOUNDRY_PROFILE=gas`, see `MoneyGas`.
/// The anchors are what unaudited verifiers of others were seen to use, as a call, without a
/// transaction's base, calldata, and the value's slot and event; so that is printed too.
contract BeaconsGas is BeaconTest {
    string internal constant GROUP = "Beacons";

    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
    }

    function test_gas_bringEvmnet() public {
        IBeacon beacon = _evmnet();
        uint48 round = uint48(vm.parseJsonUintArray(golden, ".evmnet.rounds")[0]);
        bytes memory proof = vm.parseJsonBytesArray(golden, ".evmnet.signatures")[0];
        _measure(beacon, round, proof, "bring, evmnet", 163_737);
    }

    function test_gas_bringQuicknet() public {
        IBeacon beacon = _quicknet();
        uint48 round = uint48(vm.parseJsonUintArray(golden, ".quicknet.rounds")[1]);
        bytes memory proof = vm.parseJsonBytesArray(golden, ".quicknet.signatures")[1];
        _measure(beacon, round, proof, "bring, quicknet", 130_768);
    }

    function test_gas_bringRandao() public {
        RandaoBeacon beacon = new RandaoBeacon(2, 1);
        bytes memory header = _mineRandao("value");
        _measure(beacon, START, header, "bring, RANDAO", 35_000);
    }

    function test_gas_bringRandaoByHistory() public {
        installBlockHashHistory();
        RandaoBeacon beacon = new RandaoBeacon(2, 1);
        bytes memory header = _mineRandao("value");
        mine(300);
        _measure(beacon, START, header, "bring, RANDAO, from the history", 35_000);
    }

    function test_gas_bringAgain() public {
        IBeacon beacon = _localBn254();
        beacon.bring(7, _signBn254(7));
        beacon.bring(7, "");
        vm.snapshotGasLastCall(GROUP, "bring, a second time");
    }

    function _measure(
        IBeacon beacon,
        uint48 round,
        bytes memory proof,
        string memory name,
        uint256 anchor
    ) private {
        beacon.bring(round, proof);
        uint256 gas = vm.snapshotGasLastCall(GROUP, name);
        bytes memory data = abi.encodeCall(beacon.bring, (round, proof));
        Calldata.note(name, data);
        uint256 around = 21_000 + 22_100 + 375 * 3 + 8 * 32;
        for (uint256 i; i < data.length; ++i) {
            around += data[i] == 0 ? 4 : 16;
        }
        emit log_named_uint(name, gas);
        emit log_named_uint("  without base, calldata, slot and event", gas - around);
        emit log_named_uint("  anchor", anchor);
    }
}
