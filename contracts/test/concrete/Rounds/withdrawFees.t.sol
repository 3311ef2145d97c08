// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { BURN } from "../../../src/libraries/Types.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_withdrawFees is RoundTest {
    function test_revertWhen_nothingIsEarned() public {
        bytes memory nothing =
            abi.encodeWithSelector(IRounds.Rounds_NothingToWithdraw.selector, stranger);
        vm.expectRevert(nothing);
        vm.prank(stranger);
        rounds.withdrawFees(stranger);
    }

    function test_revertWhen_takenOut() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        address prover = p.sheets[0].prover;
        _withdraw(prover);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NothingToWithdraw.selector, prover));
        vm.prank(prover);
        rounds.withdrawFees(prover);
    }

    function test_revertWhen_itHasNoRecipient() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        vm.startPrank(p.sheets[0].prover);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NoRecipient.selector));
        rounds.withdrawFees(address(0));
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NoRecipient.selector));
        rounds.withdrawFees(address(rounds));
        vm.stopPrank();
    }

    function test_payAll() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        address prover = p.sheets[0].prover;
        uint256 earned = rounds.fees(prover);
        assertNotEq(earned, 0, "earned");
        vm.expectEmit(address(rounds));
        emit IRounds.FeesWithdrawn(prover, stranger, earned);
        vm.prank(prover);
        rounds.withdrawFees(stranger);
        assertEq(token.balanceOf(stranger), earned, "to whom it names");
        assertEq(rounds.fees(prover), 0, "no more");
        _withdrawAll(p);
        assertEq(token.balanceOf(address(rounds)), 0, "nothing is left");
    }
}

contract Rounds_burnFees is RoundTest {
    function test_revertWhen_thereAreNone() public {
        _opened(0, Behaviour.OtherCopy);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NothingToBurn.selector));
        rounds.burnFees();
    }

    /// @dev What seats have earned, and what pending rounds hold, stays.
    function test_burnWhatNobodyEarned() public {
        Play memory p = _drawn(0);
        _answerHits(p, 3, 0);
        _toOpening(p);
        _open(p);
        _sealed(1);
        vm.expectEmit(address(rounds));
        emit IRounds.FeesBurned(15 * uint256(SEAT_FEE));
        vm.prank(stranger);
        rounds.burnFees();
        assertEq(token.balanceOf(BURN), 15 * uint256(SEAT_FEE), "burned");
        assertEq(token.balanceOf(address(rounds)), 17 * uint256(SEAT_FEE), "the rest stays");
        assertEq(rounds.unearnedFees(), 0, "once");
        _withdraw(p.sheets[0].prover);
    }
}
