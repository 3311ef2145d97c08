// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { RandaoBeacon } from "../../../src/beacons/RandaoBeacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

contract RandaoBeacon_valueOf is BeaconTest {
    bytes32 internal constant VALUE = keccak256("mix");

    RandaoBeacon internal beacon;

    function setUp() public override {
        super.setUp();
        beacon = new RandaoBeacon(128, 4);
    }

    function test_nextRoundIsTheMarginAhead() public view {
        assertEq(beacon.nextRound(), START + 128);
    }

    function test_pendingBeforeItIsMade() public view {
        _assertValue(beacon, START, IBeacon.Status.Pending, 0);
        _assertValue(beacon, START + 1, IBeacon.Status.Pending, 0);
        _assertValue(beacon, type(uint48).max, IBeacon.Status.Pending, 0);
    }

    function test_pendingUntilBrought() public {
        installBlockHashHistory();
        _mineRandao(VALUE);
        _assertValue(beacon, START, IBeacon.Status.Pending, 0);
        vm.roll(START + 256);
        _assertValue(beacon, START, IBeacon.Status.Pending, 0);
        vm.roll(START + 8191);
        _assertValue(beacon, START, IBeacon.Status.Pending, 0);
    }

    function test_staleOutOfReach() public {
        _mineRandao(VALUE);
        vm.roll(START + 257);
        _assertValue(beacon, START, IBeacon.Status.Stale, 0);
        installBlockHashHistory();
        vm.roll(START + 8192);
        _assertValue(beacon, START, IBeacon.Status.Stale, 0);
    }

    function test_staleWhereTheHistoryHasAnotherAnswer() public {
        _mineRandao(VALUE);
        vm.roll(START + 257);
        // An answer of 31 bytes.
        vm.etch(BLOCK_HASH_HISTORY, hex"601f5ff3");
        _assertValue(beacon, START, IBeacon.Status.Stale, 0);
        // The history of another block's range is empty.
        installBlockHashHistory();
        _assertValue(beacon, START - 10, IBeacon.Status.Stale, 0);
    }

    function test_readyForEver() public {
        beacon.bring(START, _mineRandao(VALUE));
        _assertValue(beacon, START, IBeacon.Status.Ready, VALUE);
        vm.roll(START + 1_000_000);
        _assertValue(beacon, START, IBeacon.Status.Ready, VALUE);
    }
}
