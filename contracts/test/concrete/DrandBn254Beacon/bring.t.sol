// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBn254Beacon } from "../../../src/beacons/DrandBn254Beacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { IDrandBeacon } from "../../../src/interfaces/IDrandBeacon.sol";
import { HashToBn254 } from "../../../src/libraries/HashToBn254.sol";
import { Precompiles } from "../../../src/libraries/Precompiles.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

contract DrandBn254Beacon_bring is BeaconTest {
    DrandBn254Beacon internal beacon;
    uint48 internal round;
    bytes internal signature_;

    function setUp() public override {
        super.setUp();
        beacon = _evmnet();
        round = uint48(vm.parseJsonUintArray(golden, ".evmnet.rounds")[0]);
        signature_ = vm.parseJsonBytesArray(golden, ".evmnet.signatures")[0];
    }

    function _refuses(uint48 number, bytes memory proof) private {
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.Drand_BadSignature.selector, number));
        beacon.bring(number, proof);
    }

    function test_aPublicRound() public {
        bytes32 value = vm.parseJsonBytes32Array(golden, ".evmnet.values")[0];
        assertEq(beacon.bring(round, signature_), value);
        assertEq(value, sha256(signature_));
        _assertValue(beacon, round, IBeacon.Status.Ready, value);
    }

    /// @dev Signed outside of this code, see `scripts/golden_beacons.py`.
    function test_localNetworks() public {
        bytes[] memory keys = vm.parseJsonBytesArray(golden, ".bn254.local.keys");
        bytes[] memory signatures = vm.parseJsonBytesArray(golden, ".bn254.local.signatures");
        uint256[] memory rounds = vm.parseJsonUintArray(golden, ".bn254.local.rounds");
        assertGt(keys.length, 1);
        // So that the last round of all is out.
        vm.warp(uint256(2) ** 50);
        for (uint256 i; i < keys.length; ++i) {
            IBeacon local = new DrandBn254Beacon(keys[i], GENESIS, PERIOD, MARGIN);
            for (uint256 j; j < rounds.length; ++j) {
                bytes memory signed = signatures[i * rounds.length + j];
                uint48 number = uint48(rounds[j]);
                vm.expectRevert(
                    abi.encodeWithSelector(IDrandBeacon.Drand_BadSignature.selector, number)
                );
                local.bring(number, signatures[(i + 1) % keys.length * rounds.length + j]);
                assertEq(local.bring(number, signed), sha256(signed));
            }
        }
    }

    function test_revertWhen_lengthIsAnother() public {
        bytes[4] memory others = [
            bytes(""),
            _slice(signature_, 0, 63),
            bytes.concat(signature_, hex"00"),
            bytes.concat(signature_, signature_)
        ];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IDrandBeacon.Drand_BadLength.selector, others[i].length, 64)
            );
            beacon.bring(round, others[i]);
        }
    }

    function test_revertWhen_aBitOfTheSignatureIsAnother() public {
        bytes memory proof = signature_;
        for (uint256 bit; bit < 512; ++bit) {
            _refuses(round, _flip(proof, bit));
        }
    }

    function test_revertWhen_anotherRound() public {
        bytes memory proof = signature_;
        _refuses(round - 1, proof);
        _refuses(round + 1, proof);
        // Beyond these bits, a round is not out.
        for (uint256 bit; bit < 24; ++bit) {
            uint48 other = round ^ uint48(1 << bit);
            if (beacon.publishedAt(other) <= NOW) _refuses(other, proof);
        }
    }

    function test_revertWhen_anotherNetwork() public {
        _refuses(round, _signBn254(round));
    }

    function test_revertWhen_theOtherPoint() public {
        (uint256 x, uint256 y) = abi.decode(signature_, (uint256, uint256));
        _refuses(round, abi.encode(x, HashToBn254.P - y));
    }

    function test_revertWhen_zero() public {
        _refuses(round, new bytes(64));
    }

    /// @dev The same point written otherwise would be another value.
    function test_revertWhen_aCoordinateIsNotReduced() public {
        (uint256 x, uint256 y) = abi.decode(signature_, (uint256, uint256));
        uint256 p = HashToBn254.P;
        _refuses(round, abi.encode(x + p, y));
        _refuses(round, abi.encode(x, y + p));
        _refuses(round, abi.encode(x + p, y + p));
    }

    function test_revertWhen_thePrecompileAnswersNothing() public {
        vm.mockCall(Precompiles.BN254_PAIRING, "", "");
        vm.expectRevert(
            abi.encodeWithSelector(
                Precompiles.Precompiles_NoAnswer.selector, Precompiles.BN254_PAIRING
            )
        );
        beacon.bring(round, signature_);
    }
}
