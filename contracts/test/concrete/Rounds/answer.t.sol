// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_answer is RoundTest {
    function test_revertWhen_unknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_UnknownRound.selector, bytes32("nothing"))
        );
        rounds.answer("nothing", 0, "keys", "tags");
    }

    function test_revertWhen_tooLate() public {
        Play memory p = _drawn(0);
        address holder = _holder(p, 0);
        _toOpening(p);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRounds.Rounds_TooLate.selector, uint256(p.sealedAt) + ANSWER_WINDOW
            )
        );
        vm.prank(holder);
        rounds.answer(p.roundId, 0, "keys", "tags");
    }

    function test_revertWhen_notDrawn() public {
        Play memory p = _sealed(0);
        uint48 beaconRound = rounds.round(p.roundId).beaconRound;
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NotDrawn.selector, p.roundId, beaconRound)
        );
        rounds.answer(p.roundId, 0, "keys", "tags");
    }

    function test_revertWhen_theDrawIsLost() public {
        Play memory p = _sealed(0);
        uint48 beaconRound = rounds.round(p.roundId).beaconRound;
        vm.roll(vm.getBlockNumber() + 10_000);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_DrawLost.selector, p.roundId, beaconRound)
        );
        rounds.answer(p.roundId, 0, "keys", "tags");
    }

    function test_revertWhen_noSuchSeat() public {
        Play memory p = _drawn(0);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NoSuchSeat.selector, _seats(), _seats())
        );
        rounds.answer(p.roundId, _seats(), "keys", "tags");
    }

    function test_revertWhen_notTheHolder() public {
        Play memory p = _drawn(0);
        address holder = _holder(p, 3);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NotYourSeat.selector, 3, holder, stranger)
        );
        vm.prank(stranger);
        rounds.answer(p.roundId, 3, "keys", "tags");
    }

    /// @dev Nobody can answer for a seat whose prover had shown no life when the round was sealed.
    function test_revertWhen_vacant() public {
        skip(40 days);
        Play memory p = _drawn(0);
        assertEq(_holder(p, 0), address(0), "vacant");
        vm.expectRevert(
            abi.encodeWithSelector(
                IRounds.Rounds_NotYourSeat.selector, 0, address(0), members[0].addr
            )
        );
        vm.prank(members[0].addr);
        rounds.answer(p.roundId, 0, "keys", "tags");
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NotYourSeat.selector, 0, address(0), address(0))
        );
        vm.prank(address(0));
        rounds.answer(p.roundId, 0, "keys", "tags");
    }

    function test_revertWhen_answered() public {
        Play memory p = _drawn(0);
        _answer(p, 5, "keys", "tags");
        address holder = _holder(p, 5);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_AlreadyAnswered.selector, p.roundId, 5)
        );
        vm.prank(holder);
        rounds.answer(p.roundId, 5, "keys", "other tags");
    }

    function test_noteTheSheets() public {
        Play memory p = _drawn(0);
        _assertSheets(p, 0, 0);
        IRounds.Sheet memory first = IRounds.Sheet(2, _holder(p, 2), "keys", "tags");
        vm.expectEmit(address(rounds));
        emit IRounds.SheetSent(p.roundId, 2, first.prover, "keys", "tags");
        _answer(p, 2, "keys", "tags");
        bytes28 chain = bytes28(keccak256(abi.encode(bytes28(0), first)));
        _assertSheets(p, 4, chain);
        _answer(p, 0, "other keys", "other tags");
        IRounds.Sheet memory second = IRounds.Sheet(0, _holder(p, 0), "other keys", "other tags");
        _assertSheets(p, 5, bytes28(keccak256(abi.encode(chain, second))));
    }

    function _assertSheets(Play memory p, uint32 answered, bytes28 chain) private view {
        (uint32 answered_, bytes28 chain_) = rounds.sheets(p.roundId);
        assertEq(uint256(answered_), uint256(answered), "who has answered");
        assertEq(bytes32(chain_), bytes32(chain), "chain");
    }

    function test_inTheLastSecond() public {
        Play memory p = _drawn(0);
        vm.warp(uint256(p.sealedAt) + ANSWER_WINDOW);
        _answer(p, 0, "keys", "tags");
        (uint32 answered,) = rounds.sheets(p.roundId);
        assertEq(uint256(answered), 1, "inclusive");
    }

    /// @dev One prover may hold several seats, and answers each of them.
    function test_everySeat() public {
        Play memory p = _drawn(0);
        _answerAll(p, Behaviour.OwnCopy);
        (uint32 answered,) = rounds.sheets(p.roundId);
        assertEq(uint256(answered), 0xffff, "a sheet of each seat");
    }
}
