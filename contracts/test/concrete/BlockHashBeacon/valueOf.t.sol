// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BlockHashBeacon } from "../../../src/beacons/BlockHashBeacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract BlockHashBeacon_valueOf is TestBase {
    bytes32 internal constant HASH = keccak256("hash");
    uint48 internal constant START = 20_000;

    BlockHashBeacon internal beacon;

    function setUp() public {
        beacon = new BlockHashBeacon();
        vm.roll(START);
    }

    function _assert(uint48 round, IBeacon.Status expected, bytes32 expectedValue) private view {
        (IBeacon.Status status, bytes32 value) = beacon.valueOf(round);
        assertEq(uint256(status), uint256(expected), "status");
        assertEq(value, expectedValue, "value");
    }

    function test_nextRound_isTwoAhead() public view {
        assertEq(beacon.nextRound(), START + 2);
    }

    function test_pending() public view {
        _assert(START, IBeacon.Status.Pending, 0);
        _assert(START + 1, IBeacon.Status.Pending, 0);
        _assert(type(uint48).max, IBeacon.Status.Pending, 0);
    }

    function test_readyByOpcode() public {
        mineWithHash(HASH);
        _assert(START, IBeacon.Status.Ready, HASH);
        vm.roll(START + 256);
        _assert(START, IBeacon.Status.Ready, HASH);
    }

    function test_staleWithoutHistory() public {
        mineWithHash(HASH);
        vm.roll(START + 257);
        _assert(START, IBeacon.Status.Stale, 0);
    }

    function test_readyByHistory() public {
        installBlockHashHistory();
        mineWithHash(HASH);
        vm.roll(START + 257);
        _assert(START, IBeacon.Status.Ready, HASH);
        vm.roll(START + 8191);
        _assert(START, IBeacon.Status.Ready, HASH);
    }

    function test_staleBeyondHistory() public {
        installBlockHashHistory();
        mineWithHash(HASH);
        vm.roll(START + 8192);
        _assert(START, IBeacon.Status.Stale, 0);
    }

    function test_staleWhereHistoryIsEmpty() public {
        installBlockHashHistory();
        vm.roll(START + 300);
        _assert(START, IBeacon.Status.Stale, 0);
    }
}
