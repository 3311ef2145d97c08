// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { RandaoBeacon } from "../../../src/beacons/RandaoBeacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

contract RandaoBeacon_constructor is BeaconTest {
    function _expectBad(bytes32 name, uint256 given, uint256 min, uint256 max) private {
        vm.expectRevert(
            abi.encodeWithSelector(IBeacon.Beacon_BadSetting.selector, name, given, min, max)
        );
    }

    function test_revertWhen_biasBitsAreOutOfBounds() public {
        _expectBad("biasBits", 0, 1, 64);
        this.makeRandao(128, 0);
        _expectBad("biasBits", 65, 1, 64);
        this.makeRandao(128, 65);
    }

    function test_revertWhen_marginIsOutOfBounds() public {
        _expectBad("margin", 4, 5, 7200);
        this.makeRandao(4, 4);
        _expectBad("margin", 0, 2, 7200);
        this.makeRandao(0, 1);
        _expectBad("margin", 7201, 2, 7200);
        this.makeRandao(7201, 1);
        this.makeRandao(7200, 64);
        this.makeRandao(65, 64);
    }

    function test_tellsKindAndSettings() public {
        RandaoBeacon beacon = this.makeRandao(128, 4);
        assertEq(beacon.margin(), 128);
        assertEq(beacon.biasBits(), 4);
        assertEq(uint256(beacon.kind()), uint256(IBeacon.Kind.Randao));
    }
}
