// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { Consensus } from "../libraries/Consensus.sol";
import { Draw } from "../libraries/Draw.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { CaseRef, CaseStatus, Drawn } from "../libraries/Types.sol";
import { CaseBook } from "./CaseBook.sol";

/// @title Level 2, the opening: only now do the candidates become known, and the contract counts
abstract contract CaseOpening is CaseBook {
    /// @dev What the opening of leaves carries from bundle to bundle.
    struct Opening {
        bytes32 root;
        uint256 personalCount;
        uint256 leafCount;
        bytes32 licenseSeed;
        bytes32 modelSeed;
        uint16 assignmentP;
        /// @dev `Leaves.preimage`, written over leaf by leaf
        bytes buffer;
        bytes4[] agreed;
        /// @dev by position, 0 where nothing is opened
        bytes32[] questions;
        bytes32[] opened;
        uint256 hits;
        uint256 outside;
    }

    /// @dev See `IChallengeManager`.
    function openLeaves(CaseRef calldata ref, Drawn calldata drawn, LeafOpening calldata given)
        external
    {
        (bytes32 caseId, bytes32 licenseId, Case storage c) = _case(ref);
        _requireOwner(ref);
        _advance(caseId, c);
        _requireStep(caseId, c, CaseStatus.Opening);
        _requireRevealed(caseId, drawn.committee, given.sheets, given.sheetOf);

        uint16 count = c.questionCount;
        Opening memory o = _startOpeningOf(ref, licenseId, drawn.bundles.length, count);
        (o.agreed, c.dissenters) = _judgeSheets(given.sheets, given.sheetOf, count);
        _openBundles(o, drawn.bundles, given.bundles);
        _fillDecoys(o.questions, given.decoyHashes, count - o.opened.length);
        _requireFacts(caseId, c, _factsOf(drawn, _hashWords(o.questions)));

        Outcome memory outcome = Outcome(o.hits, o.outside, _hashWords(o.opened));
        uint40 deadline = uint40(block.timestamp) + _rebuttalWindow;
        (c.status, c.deadline) = (CaseStatus.Rebuttal, deadline);
        c.facts = _factsOf(drawn, _outcomeHash(outcome));
        emit LeavesOpened(
            caseId,
            outcome.hits,
            outcome.outside,
            outcome.keysHash,
            uint16(o.opened.length),
            deadline
        );
    }

    // ---- Members' answers

    /// @dev Every member's sheet is the one that it revealed, and only one that has not revealed has none.
    function _requireRevealed(
        bytes32 caseId,
        address[] calldata committee,
        bytes[] calldata sheets,
        bytes calldata sheetOf
    ) private view {
        require(
            sheetOf.length == committee.length,
            ChallengeManager_WrongLength("sheetOf", sheetOf.length, committee.length)
        );
        bytes32[] memory words = new bytes32[](sheets.length);
        for (uint256 i; i < words.length; ++i) {
            words[i] = _revealedWord(keccak256(sheets[i]));
        }
        for (uint256 i; i < committee.length; ++i) {
            uint256 sheet = uint8(sheetOf[i]);
            bytes32 word = _words[caseId][committee[i]];
            bool same = sheet == Consensus.NO_SHEET
                ? !_isRevealed(word)
                : sheet < words.length && word == words[sheet];
            require(same, ChallengeManager_WrongTags(caseId, committee[i]));
        }
    }

    function _judgeSheets(bytes[] calldata sheets, bytes calldata sheetOf, uint256 count)
        private
        pure
        returns (bytes4[] memory agreed, uint16 dissenters)
    {
        uint256 bits;
        (agreed, bits) = Consensus.judge(sheets, sheetOf, count, Consensus.quorum(sheetOf.length));
        // A committee has at most 16 members.
        dissenters = uint16(bits);
    }

    // ---- Leaves

    function _startOpeningOf(
        CaseRef calldata ref,
        bytes32 licenseId,
        uint256 bundles,
        uint256 questions
    ) private view returns (Opening memory o) {
        bytes32 modelId = ref.license.terms.modelId;
        uint32 epoch = ref.license.terms.epoch;
        ILicenseRegistry.Universe memory universe = registry.universe(modelId, epoch);
        o.root = universe.root;
        o.personalCount = universe.personalCount;
        o.leafCount = uint256(universe.personalCount) + universe.sharedCount;
        o.modelSeed = universe.seed;
        o.licenseSeed = registry.license(licenseId).seed;
        o.assignmentP = ref.license.terms.evidence.assignmentP;
        o.buffer = Leaves.preimage(modelId, epoch);
        o.questions = new bytes32[](questions);
        o.opened = new bytes32[](Leaves.BUNDLE * bundles);
    }

    function _openBundles(Opening memory o, uint32[] calldata drawn, OpenedBundle[] calldata given)
        private
        pure
    {
        require(
            given.length == drawn.length,
            ChallengeManager_WrongLength("bundles", given.length, drawn.length)
        );
        for (uint256 k; k < given.length; ++k) {
            _openBundle(o, given[k], k, drawn[k]);
        }
    }

    /// @dev Opens the `k`-th drawn bundle, number `bundle` of the universe.
    function _openBundle(Opening memory o, OpenedBundle calldata given, uint256 k, uint32 bundle)
        private
        pure
    {
        bytes32[16] memory leaves;
        for (uint256 l; l < Leaves.BUNDLE; ++l) {
            leaves[l] =
                _openLeaf(o, given.leaves[l], Leaves.BUNDLE * k + l, bundle * 16 + uint32(l));
        }
        require(
            Leaves.verify(o.root, Leaves.bundleRoot(leaves), bundle, given.siblings, o.leafCount),
            ChallengeManager_BadProof(bundle)
        );
    }

    /// @dev Opens leaf `index` as fingerprint `j` of the case, and counts its hit.
    function _openLeaf(Opening memory o, OpenedLeaf calldata leaf, uint256 j, uint32 index)
        private
        pure
        returns (bytes32)
    {
        uint256 position = leaf.position;
        bytes32 keyHash = leaf.keyHash;
        require(
            position < o.questions.length && o.questions[position] == 0 && keyHash != 0,
            ChallengeManager_BadPosition(j, leaf.position)
        );
        o.questions[position] = keyHash;
        o.opened[j] = keyHash;

        bytes32 tags0 = leaf.tags[0];
        bytes32 tags1 = leaf.tags[1];
        require(Leaves.tagsValid(tags0, tags1), ChallengeManager_MalformedLeaf(index));
        bytes32 seed = index < o.personalCount ? o.licenseSeed : o.modelSeed;
        // A valid tag is never 0, so a question without a consensus is a miss.
        if (
            o.agreed[position]
                == Leaves.tagAt(tags0, tags1, Draw.candidate(seed, o.root, index, leaf.salt))
        ) {
            bool counts = index < o.personalCount
                || Draw.isAssigned(o.licenseSeed, o.root, index, leaf.salt, o.assignmentP);
            if (counts) o.hits |= 1 << j;
            else o.outside |= 1 << j;
        }
        return Leaves.hashWith(o.buffer, index, leaf.salt, keyHash, tags0, tags1);
    }

    // ---- Questions

    /// @dev The questions that are not opened, in their order.
    function _fillDecoys(
        bytes32[] memory questions,
        bytes32[] calldata decoyHashes,
        uint256 expected
    ) private pure {
        require(
            decoyHashes.length == expected,
            ChallengeManager_WrongLength("decoyHashes", decoyHashes.length, expected)
        );
        uint256 next;
        for (uint256 i; i < questions.length; ++i) {
            if (questions[i] == 0) questions[i] = decoyHashes[next++];
        }
    }

    /// @dev `keccak` of the words one after the other.
    function _hashWords(bytes32[] memory words) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }
}
