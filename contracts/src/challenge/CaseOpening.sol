// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { Consensus } from "../libraries/Consensus.sol";
import { Draw } from "../libraries/Draw.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { CaseStatus, LicenseRef } from "../libraries/Types.sol";
import { CaseBook } from "./CaseBook.sol";

/// @title Level 2, the opening: only now do the candidates become known, and the contract counts
abstract contract CaseOpening is CaseBook {
    /// @dev What the opening of leaves carries from bundle to bundle.
    struct Opening {
        bytes32 modelId;
        uint32 epoch;
        bytes32 root;
        uint32 personalCount;
        uint32 sharedCount;
        bytes32 licenseSeed;
        bytes4[] agreed;
        bytes32[] opened;
        uint256 taken;
        uint256 hits;
    }

    /// @dev See `IChallengeManager`.
    function openLeaves(
        LicenseRef calldata ref,
        bytes32 caseId,
        OpenedBundle[] calldata bundles,
        bytes32[] calldata keyHashes,
        bytes[] calldata memberTags
    ) external {
        Case storage c = _case(ref, caseId);
        _requireOwner(ref);
        _advance(caseId, c);
        _requireStep(caseId, c, CaseStatus.Opening);
        require(
            keccak256(abi.encodePacked(keyHashes)) == c.questionsHash,
            ChallengeManager_WrongKeyHashes(caseId)
        );
        _requireRevealed(caseId, c, memberTags);

        Opening memory o = _startOpeningOf(ref, c, bundles.length);
        (o.agreed, _dissenters[caseId]) =
            Consensus.judge(memberTags, c.questionCount, Consensus.quorum(memberTags.length));
        for (uint256 k; k < bundles.length; ++k) {
            _openBundle(o, bundles[k], k, c.bundles[k], keyHashes);
        }

        c.status = CaseStatus.Rebuttal;
        c.deadline = uint40(block.timestamp) + _rebuttalWindow;
        c.hits = o.hits;
        _openedKeysHash[caseId] = keccak256(abi.encodePacked(o.opened));
        emit LeavesOpened(caseId, o.hits, uint16(o.opened.length), c.deadline);
    }

    // ---- Leaves

    function _requireRevealed(bytes32 caseId, Case storage c, bytes[] calldata memberTags)
        private
        view
    {
        uint256 size = c.committee.length;
        require(
            memberTags.length == size,
            ChallengeManager_WrongLength("memberTags", memberTags.length, size)
        );
        for (uint256 i; i < size; ++i) {
            address member = c.committee[i];
            bytes32 revealed = _revealedTagsHash[caseId][member];
            bool same =
                revealed == 0 ? memberTags[i].length == 0 : keccak256(memberTags[i]) == revealed;
            require(same, ChallengeManager_WrongTags(caseId, member));
        }
    }

    function _startOpeningOf(LicenseRef calldata ref, Case storage c, uint256 given)
        private
        view
        returns (Opening memory o)
    {
        uint256 count = c.bundles.length;
        require(given == count, ChallengeManager_WrongLength("bundles", given, count));
        o.modelId = ref.terms.modelId;
        o.epoch = ref.terms.epoch;
        ILicenseRegistry.Universe memory universe = registry.universe(o.modelId, o.epoch);
        o.root = universe.root;
        o.personalCount = universe.personalCount;
        o.sharedCount = universe.sharedCount;
        o.licenseSeed = registry.license(c.licenseId).seed;
        o.opened = new bytes32[](Leaves.BUNDLE * count);
    }

    /// @dev Opens the `k`-th drawn bundle, number `bundle` of the universe.
    function _openBundle(
        Opening memory o,
        OpenedBundle calldata given,
        uint256 k,
        uint32 bundle,
        bytes32[] calldata keyHashes
    ) private pure {
        bytes32[16] memory leaves;
        for (uint256 l; l < Leaves.BUNDLE; ++l) {
            leaves[l] = _openLeaf(
                o, given.leaves[l], Leaves.BUNDLE * k + l, bundle * 16 + uint32(l), keyHashes
            );
        }
        require(
            Leaves.verify(
                o.root,
                Leaves.bundleRoot(leaves),
                bundle,
                given.siblings,
                uint256(o.personalCount) + o.sharedCount
            ),
            ChallengeManager_BadProof(bundle)
        );
    }

    /// @dev Opens leaf `index` as fingerprint `j` of the case, and counts its hit.
    function _openLeaf(
        Opening memory o,
        OpenedLeaf calldata leaf,
        uint256 j,
        uint32 index,
        bytes32[] calldata keyHashes
    ) private pure returns (bytes32) {
        uint16 position = leaf.position;
        require(
            position < keyHashes.length && o.taken >> position & 1 == 0
                && keyHashes[position] == leaf.keyHash,
            ChallengeManager_BadPosition(j, position)
        );
        o.taken |= 1 << position;
        o.opened[j] = leaf.keyHash;

        bytes32[2] memory tags = leaf.tags;
        require(Leaves.tagsValid(tags), ChallengeManager_MalformedLeaf(index));
        // A valid tag is never 0, so a question without a consensus is a miss.
        if (o.agreed[position] == Leaves.tagAt(tags, Draw.personal(o.licenseSeed, o.root, index))) {
            o.hits |= 1 << j;
        }
        return Leaves.hash(o.modelId, o.epoch, index, leaf.salt, leaf.keyHash, tags);
    }
}
