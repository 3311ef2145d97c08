// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseStatus, Drawn } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";
import { FingerprintTree } from "../../utils/FingerprintTree.sol";

contract ChallengeManager_openLeaves is CaseTest {
    function _expect(bytes memory reason) private {
        vm.expectRevert(reason);
    }

    function _expectWrongTags(Round memory round, uint256 i) private {
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongTags.selector,
                round.caseId,
                round.committee[i]
            )
        );
    }

    function _expectWrongLength(bytes32 name, uint256 given, uint256 expected) private {
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongLength.selector, name, given, expected
            )
        );
    }

    function _expectBadPosition(uint256 fingerprint, uint16 position) private {
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_BadPosition.selector, fingerprint, position
            )
        );
    }

    function test_revertWhen_notOwner() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotOwner.selector, stranger, owner.addr
            )
        );
        vm.prank(stranger);
        manager.openLeaves(round.id, _drawnOf(round), _opening(round));
    }

    function test_revertWhen_othersMayReveal() public {
        (Round memory round,) = _revealedByFour(Behaviour.OwnCopy);
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                round.caseId,
                CaseStatus.Revealing
            )
        );
        _openLeaves(round);
    }

    /// @dev In the last second of the reveals the missing member still reveals, and is not
    /// penalised.
    function test_revertWhen_lastSecondOfTheReveals() public {
        (Round memory round, bytes memory missing) = _revealedByFour(Behaviour.OwnCopy);
        vm.warp(manager.caseOf(round.caseId).deadline);
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                round.caseId,
                CaseStatus.Revealing
            )
        );
        _openLeaves(round);
        round.tags[4] = missing;
        _revealTags(round, 4);
        _openLeaves(round);
        _assertCase(round.caseId, CaseStatus.Rebuttal);
    }

    function test_revertWhen_tooLate() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        uint40 deadline = manager.caseOf(round.caseId).deadline;
        vm.warp(deadline + 1);
        _expect(abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooLate.selector, deadline));
        _openLeaves(round);
    }

    function _expectWrongFacts(Round memory round) private {
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongFacts.selector, round.caseId
            )
        );
    }

    function test_revertWhen_otherDecoys() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        IChallengeTypes.LeafOpening memory given = _opening(round);
        (given.decoyHashes[0], given.decoyHashes[1]) = (given.decoyHashes[1], given.decoyHashes[0]);
        _expectWrongFacts(round);
        vm.prank(owner.addr);
        manager.openLeaves(round.id, _drawnOf(round), given);
    }

    function test_revertWhen_decoyMissing() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        IChallengeTypes.LeafOpening memory given = _opening(round);
        bytes32[] memory seven = new bytes32[](7);
        given.decoyHashes = seven;
        _expectWrongLength("decoyHashes", 7, 8);
        vm.prank(owner.addr);
        manager.openLeaves(round.id, _drawnOf(round), given);
    }

    function test_revertWhen_sheetUnknown() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        IChallengeTypes.LeafOpening memory given = _opening(round);
        given.sheetOf[2] = 0x01;
        _expectWrongTags(round, 2);
        vm.prank(owner.addr);
        manager.openLeaves(round.id, _drawnOf(round), given);
    }

    function test_revertWhen_anotherDraw() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        Drawn memory drawn = _drawnOf(round);
        (drawn.committee[0], drawn.committee[1]) = (drawn.committee[1], drawn.committee[0]);
        IChallengeTypes.LeafOpening memory given = _opening(round);
        _expectWrongFacts(round);
        vm.prank(owner.addr);
        manager.openLeaves(round.id, drawn, given);
    }

    function test_revertWhen_memberMissing() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        bytes[] memory four = new bytes[](4);
        for (uint256 i; i < 4; ++i) {
            four[i] = round.tags[i];
        }
        round.tags = four;
        _expectWrongLength("sheetOf", 4, 5);
        _openLeaves(round);
    }

    function test_revertWhen_otherTags() public {
        Round memory round = _revealed(Behaviour.OtherCopy);
        round.tags[3] = _answers(round, Behaviour.OwnCopy);
        _expectWrongTags(round, 3);
        _openLeaves(round);
    }

    function test_revertWhen_revealedTagsLeftOut() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        round.tags[0] = "";
        _expectWrongTags(round, 0);
        _openLeaves(round);
    }

    function test_revertWhen_tagsOfMemberThatDidNotReveal() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        for (uint256 i; i < 4; ++i) {
            _revealTags(round, i);
        }
        skip(3 hours + 1);
        _expectWrongTags(round, 4);
        _openLeaves(round);
    }

    function test_revertWhen_bundleMissing() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        IChallengeTypes.OpenedBundle[] memory one = new IChallengeTypes.OpenedBundle[](1);
        one[0] = round.opened[0];
        round.opened = one;
        _expectWrongLength("bundles", 1, 2);
        _openLeaves(round);
    }

    function test_revertWhen_positionOutside() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        round.opened[1].leaves[3].position = 40;
        _expectBadPosition(19, 40);
        _openLeaves(round);
    }

    function test_revertWhen_positionTwice() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        uint16 position = round.opened[0].leaves[0].position;
        round.opened[0].leaves[1].position = position;
        _expectBadPosition(1, position);
        _openLeaves(round);
    }

    /// @dev The owner asks one key twice and leaves another out: no opening fits such questions.
    function test_revertWhen_aKeyWasNotAsked() public {
        Round memory round = _drawn();
        _prepare(round);
        uint16 left = round.opened[0].leaves[1].position;
        round.keyHashes[left] = round.opened[0].leaves[0].keyHash;
        round.questionsHash = keccak256(abi.encodePacked(round.keyHashes));
        vm.prank(owner.addr);
        manager.postQuestions(round.id, _drawnOf(round), round.questionsHash, QUESTIONS);
        _ask(round, Behaviour.OwnCopy);
        _commitAll(round);
        _revealAll(round);
        _expectWrongFacts(round);
        _openLeaves(round);
    }

    function test_revertWhen_positionOfAnotherKey() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        IChallengeTypes.OpenedLeaf[16] memory leaves = round.opened[0].leaves;
        (leaves[0].position, leaves[5].position) = (leaves[5].position, leaves[0].position);
        _expectWrongFacts(round);
        _openLeaves(round);
    }

    function test_revertWhen_keyHashZero() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        round.opened[0].leaves[4].keyHash = 0;
        _expectBadPosition(4, round.opened[0].leaves[4].position);
        _openLeaves(round);
    }

    function test_revertWhen_tagsEqual() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        bytes32 first = round.opened[0].leaves[2].tags[0];
        // The second tag takes the first one's value.
        round.opened[0].leaves[2].tags[0] =
            (first & ~(bytes32(bytes4(0xffffffff)) >> 32)) | (bytes32(bytes4(first)) >> 32);
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_MalformedLeaf.selector, round.bundles[0] * 16 + 2
            )
        );
        _openLeaves(round);
    }

    function test_revertWhen_firstTagZero() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        round.opened[1].leaves[15].tags[0] <<= 32;
        round.opened[1].leaves[15].tags[0] >>= 32;
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_MalformedLeaf.selector, round.bundles[1] * 16 + 15
            )
        );
        _openLeaves(round);
    }

    function test_revertWhen_leafNotCommitted() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        round.opened[1].leaves[0].salt = keccak256("another salt");
        _expectBadProof(round.bundles[1]);
        _openLeaves(round);
    }

    function test_revertWhen_bundlesSwapped() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        (round.opened[0], round.opened[1]) = (round.opened[1], round.opened[0]);
        _expectBadProof(round.bundles[0]);
        _openLeaves(round);
    }

    function _expectBadProof(uint32 bundle) private {
        _expect(abi.encodeWithSelector(IChallengeTypes.ChallengeManager_BadProof.selector, bundle));
    }

    function test_counts() public {
        Round memory round = _posted(Behaviour.OtherCopy);
        // The first three fingerprints answer like the accused license's copy.
        for (uint256 i; i < 5; ++i) {
            for (uint256 j; j < 3; ++j) {
                _setTag(round.tags[i], _position(j), _candidateTag(round, j, true));
            }
        }
        _commitAll(round);
        _revealAll(round);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.LeavesOpened(
            round.caseId,
            7,
            0,
            keccak256(abi.encodePacked(_openedKeyHashes(round))),
            32,
            uint40(block.timestamp) + 5 hours
        );
        _openLeaves(round);
        assertEq(round.outcome.hits, 7, "hits");
        assertEq(manager.caseOf(round.caseId).deadline, block.timestamp + 5 hours, "deadline");
        _assertCase(round.caseId, CaseStatus.Rebuttal);
    }

    function test_missWithoutQuorum() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        // Fingerprint 0: three of five. Fingerprint 1: four of five.
        _setTag(round.tags[0], _position(0), 0x01020304);
        _setTag(round.tags[1], _position(0), 0x05060708);
        _setTag(round.tags[4], _position(1), 0);
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        assertEq(round.outcome.hits, type(uint32).max - 1, "all but the first");
    }

    function test_revertWhen_windowAfterMissedRevealsIsOver() public {
        (Round memory round,) = _revealedByFour(Behaviour.OwnCopy);
        uint40 openingDeadline = manager.caseOf(round.caseId).deadline + 4 hours;
        vm.warp(openingDeadline + 1);
        _expect(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_TooLate.selector, openingDeadline
            )
        );
        _openLeaves(round);
    }

    function test_opensWithoutMissingMember() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        for (uint256 i = 1; i < 5; ++i) {
            _revealTags(round, i);
        }
        round.tags[0] = "";
        uint40 revealDeadline = manager.caseOf(round.caseId).deadline;
        vm.warp(revealDeadline + 4 hours);
        _openLeaves(round);
        assertEq(round.outcome.hits, type(uint32).max, "hits");
    }
}

/// @dev Leaves 2n and 2n + 1 have the same key.
contract TwinTree is FingerprintTree {
    constructor(bytes32 modelId_, uint32 count_) FingerprintTree(modelId_, 0, count_) { }

    function keyHash(uint32 i) public pure override returns (bytes32) {
        return keccak256(abi.encodePacked("key", i / 2));
    }
}

contract ChallengeManager_openLeaves_twins is CaseTest {
    function _makeTree(uint32 count) internal override returns (FingerprintTree) {
        return new TwinTree(modelId, count);
    }

    /// @dev One answer must not count for two leaves, even if their keys are the same.
    function test_revertWhen_oneQuestionForTwoLeaves() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        uint16 position = round.opened[0].leaves[0].position;
        round.opened[0].leaves[1].position = position;
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_BadPosition.selector, 1, position
            )
        );
        _openLeaves(round);
    }
}
