// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { RandaoBeacon } from "../../../src/beacons/RandaoBeacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { BlockHeader } from "../../../src/libraries/BlockHeader.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";
import { Headers } from "../../utils/Headers.sol";

contract RandaoBeacon_bring is BeaconTest {
    bytes32 internal constant VALUE = keccak256("mix");

    RandaoBeacon internal beacon;

    function setUp() public override {
        super.setUp();
        beacon = new RandaoBeacon(2, 1);
    }

    /// @dev The block that comes now has this as its header's preimage.
    function _mine(bytes memory header) private {
        mineWithHash(keccak256(header));
    }

    function test_keepsTheMixHash() public {
        bytes memory header = _mineRandao(VALUE);
        vm.expectEmit(address(beacon));
        emit IBeacon.RoundBrought(START, VALUE);
        assertEq(beacon.bring(START, header), VALUE);
        _assertValue(beacon, START, IBeacon.Status.Ready, VALUE);
    }

    function test_upToTheLastBlockOfTheOpcode() public {
        bytes memory header = _mineRandao(VALUE);
        vm.roll(START + 256);
        assertEq(beacon.bring(START, header), VALUE);
    }

    function test_upToTheLastBlockOfTheHistory() public {
        installBlockHashHistory();
        bytes memory header = _mineRandao(VALUE);
        vm.roll(START + 8191);
        assertEq(beacon.bring(START, header), VALUE);
    }

    function test_broughtAlready() public {
        beacon.bring(START, _mineRandao(VALUE));
        vm.recordLogs();
        assertEq(beacon.bring(START, ""), VALUE);
        assertEq(beacon.bring(START, hex"c0"), VALUE);
        assertEq(vm.getRecordedLogs().length, 0, "events");
        vm.roll(START + 1_000_000);
        assertEq(beacon.bring(START, ""), VALUE, "late");
    }

    function test_revertWhen_notMade() public {
        bytes memory header = Headers.make(START, VALUE);
        for (uint48 round = START; round < START + 3; ++round) {
            vm.expectRevert(
                abi.encodeWithSelector(IBeacon.Beacon_NotOut.selector, round, START, round + 1)
            );
            beacon.bring(round, header);
        }
        vm.expectRevert();
        beacon.bring(type(uint48).max, header);
    }

    function test_revertWhen_outOfReach() public {
        bytes memory header = _mineRandao(VALUE);
        vm.roll(START + 257);
        vm.expectRevert(abi.encodeWithSelector(RandaoBeacon.Randao_Stale.selector, START));
        beacon.bring(START, header);
        installBlockHashHistory();
        vm.roll(START + 8192);
        vm.expectRevert(abi.encodeWithSelector(RandaoBeacon.Randao_Stale.selector, START));
        beacon.bring(START, header);
        // The first block of all, and before there was a history.
        vm.expectRevert(abi.encodeWithSelector(RandaoBeacon.Randao_Stale.selector, 0));
        beacon.bring(0, header);
    }

    function test_revertWhen_anotherBlocksHeader() public {
        bytes memory header = _mineRandao(VALUE);
        bytes memory next = _mineRandao("next");
        vm.expectRevert(
            abi.encodeWithSelector(
                RandaoBeacon.Randao_OtherBlock.selector, START, keccak256(next), keccak256(header)
            )
        );
        beacon.bring(START, next);
    }

    function test_revertWhen_theNumberIsNotTheRound() public {
        bytes memory header = Headers.make(START + 1, VALUE);
        _mine(header);
        vm.expectRevert(
            abi.encodeWithSelector(RandaoBeacon.Randao_NotRandao.selector, START + 1, VALUE)
        );
        beacon.bring(START, header);
    }

    function test_revertWhen_thereIsNoMixHash() public {
        bytes memory header = _mineRandao(0);
        vm.expectRevert(
            abi.encodeWithSelector(RandaoBeacon.Randao_NotRandao.selector, START, bytes32(0))
        );
        beacon.bring(START, header);
    }

    function test_revertWhen_thereIsADifficulty() public {
        bytes[] memory fields = Headers.fields(START, VALUE);
        fields[Headers.DIFFICULTY] = Headers.scalar(2);
        bytes memory header = Headers.list(fields);
        _mine(header);
        vm.expectRevert(BlockHeader.BlockHeader_BadStart.selector);
        beacon.bring(START, header);
    }

    /// @dev Too little gas must not make a round look stale: that would be a new draw for nothing.
    function test_revertWhen_theHistoryRunsOutOfGas() public {
        installBlockHashHistory();
        bytes memory header = _mineRandao(VALUE);
        vm.roll(START + 300);
        uint256 found;
        for (uint256 gas = 500; gas < 12_000; gas += 25) {
            (bool ok, bytes memory answer) =
                address(beacon).call{ gas: gas }(abi.encodeCall(beacon.valueOf, (START)));
            if (!ok) continue;
            (IBeacon.Status status,) = abi.decode(answer, (IBeacon.Status, bytes32));
            assertEq(uint256(status), uint256(IBeacon.Status.Pending), "not stale");
            ++found;
        }
        assertGt(found, 0, "enough gas");
        assertEq(beacon.bring(START, header), VALUE);
    }
}
