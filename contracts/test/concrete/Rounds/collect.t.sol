// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { OpenedLeaf } from "../../../src/libraries/Types.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_collect is RoundTest {
    function test_revertWhen_unknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_UnknownRound.selector, bytes32("nothing"))
        );
        rounds.collect("nothing", 0, 0, 0);
    }

    function test_revertWhen_theRoundIsNotOver() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        uint256 until = uint256(p.sealedAt) + ROUND_LENGTH;
        vm.warp(until);
        IRounds.Sheet memory sheet = p.sheets[0];
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_TooEarly.selector, until + 1));
        vm.prank(sheet.prover);
        rounds.collect(p.roundId, 0, sheet.keysHash, sheet.tags);
    }

    function test_revertWhen_theSheetIsNotTheCallers() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        IRounds.Sheet memory sheet = p.sheets[0];
        bytes memory nothing =
            abi.encodeWithSelector(IRounds.Rounds_NothingToCollect.selector, p.roundId, 0);
        vm.expectRevert(nothing);
        vm.prank(stranger);
        rounds.collect(p.roundId, 0, sheet.keysHash, sheet.tags);
        vm.startPrank(sheet.prover);
        vm.expectRevert(nothing);
        rounds.collect(p.roundId, 0, "other keys", sheet.tags);
        vm.expectRevert(nothing);
        rounds.collect(p.roundId, 0, sheet.keysHash, "other tags");
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NothingToCollect.selector, p.roundId, 16)
        );
        rounds.collect(p.roundId, 16, sheet.keysHash, sheet.tags);
        vm.stopPrank();
    }

    function test_revertWhen_nothingWasSent() public {
        Play memory p = _drawn(0);
        address holder = _holder(p, 0);
        _afterEnd(p);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NothingToCollect.selector, p.roundId, 0)
        );
        vm.prank(holder);
        rounds.collect(p.roundId, 0, 0, 0);
    }

    function test_revertWhen_collected() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        _collect(p, 7);
        _expectNothing(p, 7);
    }

    /// @dev Whoever hit nothing where others convicted has not asked, or lies.
    function test_revertWhen_noHitInAConviction() public {
        Play memory p = _drawn(0);
        for (uint8 i; i < p.seats; ++i) {
            _answerHits(p, i, i < 2 ? 0 : 8);
        }
        _toOpening(p);
        _open(p);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(rounds.round(p.roundId).unpaid, 3, "seats 0 and 1");
        _expectNothing(p, 0);
        _expectNothing(p, 1);
        _collect(p, 2);
    }

    /// @dev Of what was not opened nobody knows whether it was hit.
    function test_aClosedBundleInAConviction() public {
        Play memory p = _drawn(0);
        for (uint8 i; i < p.seats; ++i) {
            _answerHits(p, i, i < 2 ? 0 : 8);
        }
        _toOpening(p);
        IRounds.Opening memory o = _opening(p);
        o.bundles[0].leaves = new OpenedLeaf[](0);
        _openWith(o);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        _collect(p, 0);
        _collect(p, 1);
    }

    /// @dev In a round that convicts nobody a silent deployment is no fault of the seats.
    function test_noHitWithoutConviction() public {
        Play memory p = _opened(0, Behaviour.Silent);
        _collect(p, 0);
    }

    function test_payEverySeat() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        for (uint8 i; i < p.seats; ++i) {
            address prover = p.sheets[i].prover;
            uint256 before = token.balanceOf(prover);
            vm.expectEmit(address(rounds));
            emit IRounds.FeePaid(p.roundId, i, prover, SEAT_FEE);
            _collect(p, i);
            assertEq(token.balanceOf(prover) - before, SEAT_FEE, "fee");
            assertEq(rounds.sheetHash(p.roundId, i), bytes32(0), "the sheet is gone");
            assertEq(rounds.round(p.roundId).collected, i + 1, "collected");
        }
        assertEq(token.balanceOf(address(rounds)), 0, "nothing is left");
    }

    /// @dev A round that its owner does not open pays whoever worked.
    function test_payWhatLapsed() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _afterEnd(p);
        for (uint8 i; i < p.seats; ++i) {
            _collect(p, i);
        }
        assertEq(token.balanceOf(address(rounds)), 0, "nothing is left");
    }
}
