// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseStatus, Drawn } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_commitTags is CaseTest {
    bytes32 private constant COMMITMENT = keccak256("commitment");

    function test_revertWhen_notPosted() public {
        Round memory round = _drawn();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                round.caseId,
                CaseStatus.Drawn
            )
        );
        vm.prank(round.committee[0]);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, COMMITMENT);
    }

    function test_revertWhen_tooLate() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        uint40 deadline = manager.caseOf(round.caseId).deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooLate.selector, deadline)
        );
        vm.prank(round.committee[0]);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, COMMITMENT);
    }

    function test_revertWhen_empty() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        vm.expectRevert(abi.encodeWithSelector(IChallengeTypes.ChallengeManager_EmptyHash.selector));
        vm.prank(round.committee[0]);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, 0);
        vm.expectRevert(abi.encodeWithSelector(IChallengeTypes.ChallengeManager_EmptyHash.selector));
        vm.prank(round.committee[0]);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, bytes32(uint256(1)));
    }

    /// @dev After a reorg a member's old transaction must not commit it to answers of other
    /// questions.
    function test_revertWhen_otherFacts() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        bytes memory reason = abi.encodeWithSelector(
            IChallengeTypes.ChallengeManager_WrongFacts.selector, round.caseId
        );
        vm.startPrank(round.committee[0]);
        vm.expectRevert(reason);
        manager.commitTags(round.caseId, _drawnOf(round), "other questions", COMMITMENT);
        Drawn memory drawn = _drawnOf(round);
        drawn.bundles[0] ^= 1;
        vm.expectRevert(reason);
        manager.commitTags(round.caseId, drawn, round.questionsHash, COMMITMENT);
        drawn = _drawnOf(round);
        drawn.committee[1] = round.committee[0];
        vm.expectRevert(reason);
        manager.commitTags(round.caseId, drawn, round.questionsHash, COMMITMENT);
    }

    function test_revertWhen_notMember() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotMember.selector, round.caseId, stranger
            )
        );
        vm.prank(stranger);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, COMMITMENT);
    }

    function test_revertWhen_committedBefore() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        _commitTags(round, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_AlreadyDone.selector,
                round.caseId,
                round.committee[0]
            )
        );
        vm.prank(round.committee[0]);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, COMMITMENT);
    }

    function test_records() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.TagsCommitted(round.caseId, round.committee[3], COMMITMENT);
        vm.prank(round.committee[3]);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, COMMITMENT);
        assertEq(
            manager.wordOf(round.caseId, round.committee[3]),
            COMMITMENT & ~bytes32(uint256(1)),
            "all but the lowest bit"
        );
        assertEq(manager.caseOf(round.caseId).commits, 1);
        _assertCase(round.caseId, CaseStatus.Committing);
    }

    function test_lastOneStartsTheReveals() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < 4; ++i) {
            _commitTags(round, i);
        }
        vm.expectEmit(address(manager));
        emit IChallengeTypes.RevealStarted(round.caseId, uint40(block.timestamp) + 3 hours);
        _commitTags(round, 4);
        _assertCase(round.caseId, CaseStatus.Revealing);
        assertEq(manager.caseOf(round.caseId).deadline, block.timestamp + 3 hours);
    }
}
