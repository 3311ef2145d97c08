// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseStatus } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_revealTags is CaseTest {
    function _expectStatus(bytes32 caseId, CaseStatus status) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector, caseId, status
            )
        );
    }

    function _expectWrongTags(bytes32 caseId, address who) private {
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_WrongTags.selector, caseId, who)
        );
    }

    function _commitSome(uint256 count) private returns (Round memory round) {
        round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < count; ++i) {
            _commitTags(round, i);
        }
    }

    function test_revertWhen_othersMayCommit() public {
        Round memory round = _commitSome(4);
        _expectStatus(round.caseId, CaseStatus.Committing);
        _revealTags(round, 0);
    }

    function test_revertWhen_noQuorumCommitted() public {
        Round memory round = _commitSome(3);
        skip(2 hours + 1);
        _expectStatus(round.caseId, CaseStatus.Committing);
        _revealTags(round, 0);
    }

    /// @dev In the last second of the commitments all may still commit, and nobody reveals yet.
    function test_revertWhen_lastSecondOfTheCommitments() public {
        Round memory round = _commitSome(4);
        vm.warp(manager.caseOf(round.caseId).deadline);
        _expectStatus(round.caseId, CaseStatus.Committing);
        _revealTags(round, 0);
        _commitTags(round, 4);
        _revealTags(round, 0);
        assertTrue(_hasRevealed(round.caseId, round.committee[0]), "after the last commitment");
    }

    function test_revertWhen_tooLate() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        uint40 deadline = manager.caseOf(round.caseId).deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooLate.selector, deadline)
        );
        _revealTags(round, 0);
    }

    function test_revertWhen_notCommitted() public {
        Round memory round = _commitSome(4);
        skip(2 hours + 1);
        _expectWrongTags(round.caseId, round.committee[4]);
        _revealTags(round, 4);
    }

    function test_revertWhen_notMember() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        _expectWrongTags(round.caseId, stranger);
        vm.prank(stranger);
        manager.revealTags(round.caseId, round.tags[0], 0);
    }

    function test_revertWhen_wrongLength() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        round.tags[0] = bytes.concat(round.tags[0], bytes4(0));
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongLength.selector, bytes32("tags"), 164, 160
            )
        );
        _revealTags(round, 0);
    }

    function test_revertWhen_otherTags() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        round.tags[0] = _answers(round, Behaviour.Silent);
        _expectWrongTags(round.caseId, round.committee[0]);
        _revealTags(round, 0);
    }

    function test_revertWhen_revealedBefore() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        _revealTags(round, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_AlreadyDone.selector,
                round.caseId,
                round.committee[0]
            )
        );
        _revealTags(round, 0);
    }

    function test_records() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.TagsRevealed(round.caseId, round.committee[1], round.tags[1]);
        _revealTags(round, 1);
        assertEq(
            manager.wordOf(round.caseId, round.committee[1]),
            keccak256(round.tags[1]) | bytes32(uint256(1)),
            "word"
        );
        assertEq(manager.caseOf(round.caseId).reveals, 1);
        _assertCase(round.caseId, CaseStatus.Revealing);
    }

    function test_startsAtTheCommitDeadline() public {
        Round memory round = _commitSome(4);
        uint40 commitDeadline = manager.caseOf(round.caseId).deadline;
        vm.warp(commitDeadline + 1 hours);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.RevealStarted(round.caseId, commitDeadline + 3 hours);
        _revealTags(round, 0);
        assertEq(manager.caseOf(round.caseId).deadline, commitDeadline + 3 hours);
    }

    function test_lastOneStartsTheOpening() public {
        Round memory round = _commitSome(4);
        skip(2 hours + 1);
        for (uint256 i; i < 3; ++i) {
            _revealTags(round, i);
        }
        vm.expectEmit(address(manager));
        emit IChallengeTypes.OpeningStarted(round.caseId, uint40(block.timestamp) + 4 hours);
        _revealTags(round, 3);
        _assertCase(round.caseId, CaseStatus.Opening);
    }
}
