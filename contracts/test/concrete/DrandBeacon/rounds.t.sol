// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBn254Beacon } from "../../../src/beacons/DrandBn254Beacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

contract DrandBeacon_rounds is BeaconTest {
    DrandBn254Beacon internal beacon;

    function setUp() public override {
        super.setUp();
        beacon = _localBn254();
    }

    function _with(uint48 genesis, uint48 period, uint48 margin)
        private
        returns (DrandBn254Beacon)
    {
        return new DrandBn254Beacon(beacon.publicKey(), genesis, period, margin);
    }

    function _expectBad(bytes32 name, uint256 given, uint256 min, uint256 max) private {
        vm.expectRevert(
            abi.encodeWithSelector(IBeacon.Beacon_BadSetting.selector, name, given, min, max)
        );
    }

    function test_revertWhen_settingsAreOutOfBounds() public {
        bytes memory key = beacon.publicKey();
        uint48 last = type(uint48).max - 1 days;
        _expectBad("genesis", 0, 1, last);
        this.makeBn254(key, 0, PERIOD, MARGIN);
        _expectBad("genesis", last + 1, 1, last);
        this.makeBn254(key, last + 1, PERIOD, MARGIN);
        _expectBad("period", 0, 1, 1 days);
        this.makeBn254(key, GENESIS, 0, MARGIN);
        _expectBad("period", 1 days + 1, 1, 1 days);
        this.makeBn254(key, GENESIS, 1 days + 1, MARGIN);
        _expectBad("margin", 29, 30, 1 days);
        this.makeBn254(key, GENESIS, PERIOD, 29);
        _expectBad("margin", 1 days + 1, 30, 1 days);
        this.makeBn254(key, GENESIS, PERIOD, 1 days + 1);
        this.makeBn254(key, last, 1 days, 1 days);
    }

    function test_tellsItsSettings() public view {
        assertEq(beacon.genesis(), GENESIS);
        assertEq(beacon.period(), PERIOD);
        assertEq(beacon.margin(), MARGIN);
        assertEq(beacon.biasBits(), 0);
    }

    function test_publishedAt() public view {
        assertEq(beacon.publishedAt(1), GENESIS);
        assertEq(beacon.publishedAt(1001), GENESIS + 3000);
        assertEq(beacon.publishedAt(type(uint48).max), GENESIS + 3 * (uint256(2 ** 48) - 2));
    }

    function test_revertWhen_theRoundIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(IBeacon.Beacon_NoSuchRound.selector, 0));
        beacon.publishedAt(0);
        bytes memory signature = _signBn254(0);
        vm.expectRevert(abi.encodeWithSelector(IBeacon.Beacon_NoSuchRound.selector, 0));
        beacon.bring(0, signature);
    }

    function test_nextRoundBeforeTheGenesis() public {
        DrandBn254Beacon later = _with(NOW + MARGIN, PERIOD, MARGIN);
        assertEq(later.nextRound(), 1, "just");
        later = _with(NOW + 1 days, PERIOD, MARGIN);
        assertEq(later.nextRound(), 1, "long");
        later = _with(NOW + MARGIN - 1, PERIOD, MARGIN);
        assertEq(later.nextRound(), 2, "a second late");
    }

    function test_nextRoundIsTheFirstBeyondTheMargin() public {
        for (uint256 i; i < 7; ++i) {
            uint48 round = beacon.nextRound();
            uint256 earliest = vm.getBlockTimestamp() + MARGIN;
            assertGe(beacon.publishedAt(round), earliest, "not sooner");
            assertLt(beacon.publishedAt(round - 1), earliest, "the first");
            skip(1);
        }
    }

    function test_pendingUntilBrought() public {
        _assertValue(beacon, 1, IBeacon.Status.Pending, 0);
        _assertValue(beacon, 0, IBeacon.Status.Pending, 0);
        skip(3650 days);
        _assertValue(beacon, 1, IBeacon.Status.Pending, 0);
        bytes memory signature = _signBn254(1);
        beacon.bring(1, signature);
        _assertValue(beacon, 1, IBeacon.Status.Ready, sha256(signature));
        skip(3650 days);
        _assertValue(beacon, 1, IBeacon.Status.Ready, sha256(signature));
    }

    function test_bringKeepsTheValue() public {
        bytes memory signature = _signBn254(5);
        vm.expectEmit(address(beacon));
        emit IBeacon.RoundBrought(5, sha256(signature));
        assertEq(beacon.bring(5, signature), sha256(signature));
        vm.recordLogs();
        assertEq(beacon.bring(5, ""), sha256(signature), "again");
        assertEq(beacon.bring(5, _signBn254(6)), sha256(signature), "another's");
        assertEq(vm.getRecordedLogs().length, 0, "events");
    }

    function test_revertWhen_notOut() public {
        uint48 round = beacon.nextRound();
        uint256 due = beacon.publishedAt(round);
        bytes memory signature = _signBn254(round);
        vm.expectRevert(_notOut(round, due));
        beacon.bring(round, signature);
        vm.warp(due - 1);
        vm.expectRevert(_notOut(round, due));
        beacon.bring(round, signature);
        vm.warp(due);
        beacon.bring(round, signature);
    }
}
