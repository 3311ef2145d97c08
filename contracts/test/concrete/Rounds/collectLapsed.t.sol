// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_collectLapsed is RoundTest {
    function test_revertWhen_unknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_UnknownRound.selector, bytes32("nothing"))
        );
        rounds.collectLapsed("nothing", new IRounds.Sheet[](0));
    }

    function test_revertWhen_theRoundIsNotOver() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        uint256 until = uint256(p.sealedAt) + ROUND_LENGTH;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_TooEarly.selector, until + 1));
        _collectLapsed(p, p.sheets[0].prover);
        vm.warp(until + 1);
        _collectLapsed(p, p.sheets[0].prover);
    }

    function test_revertWhen_opened() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        _afterEnd(p);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRounds.Rounds_WrongStatus.selector, p.roundId, IRounds.RoundStatus.Convicted
            )
        );
        _collectLapsed(p, p.sheets[0].prover);
    }

    function test_revertWhen_theSheetsAreNotWhatWasSent() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _afterEnd(p);
        p.sheets[7].tags = "other tags";
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_WrongSheets.selector, p.roundId));
        _collectLapsed(p, p.sheets[0].prover);
    }

    /// @dev A round that its owner does not open pays whoever worked, once, each by its own call.
    function test_payEachProver() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _afterEnd(p);
        for (uint256 k; k < members.length; ++k) {
            address prover = members[k].addr;
            uint256 seats;
            for (uint256 i; i < p.sheets.length; ++i) {
                if (p.sheets[i].prover == prover) ++seats;
            }
            vm.expectEmit(address(rounds));
            emit IRounds.LapsedFeesCollected(p.roundId, prover, seats * SEAT_FEE);
            _collectLapsed(p, prover);
            assertEq(rounds.fees(prover), seats * SEAT_FEE, "fees");
            _collectLapsed(p, prover);
            assertEq(rounds.fees(prover), seats * SEAT_FEE, "once");
        }
        _assertStatus(p, IRounds.RoundStatus.Lapsed);
        assertEq(uint256(rounds.round(p.roundId).paid), 0xffff, "every seat");
        assertEq(rounds.unearnedFees(), 0, "nothing to burn");
    }

    /// @dev Whoever comes first lets the fees of the other seats be burned, and only once.
    function test_seatsThatSentNothing() public {
        Play memory p = _drawn(0);
        _answerHits(p, 3, 0);
        _afterEnd(p);
        vm.prank(stranger);
        rounds.collectLapsed(p.roundId, p.sheets);
        assertEq(rounds.unearnedFees(), 15 * uint256(SEAT_FEE), "to be burned");
        assertEq(rounds.fees(stranger), 0, "nothing for it");
        _collectLapsed(p, p.sheets[0].prover);
        assertEq(rounds.unearnedFees(), 15 * uint256(SEAT_FEE), "once");
        assertEq(uint256(rounds.round(p.roundId).paid), 1 << 3, "the seat");
    }

    /// @dev The owner is too late for a round that lapsed.
    function test_noOpeningAfterwards() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _afterEnd(p);
        _collectLapsed(p, p.sheets[0].prover);
        _expectOpenRevert(
            _opening(p),
            abi.encodeWithSelector(
                IRounds.Rounds_WrongStatus.selector, p.roundId, IRounds.RoundStatus.Lapsed
            )
        );
    }
}
