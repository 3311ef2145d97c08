// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../interfaces/IChallengeTypes.sol";
import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { Draw } from "./Draw.sol";
import { Leaves } from "./Leaves.sol";
import { LicenseRef } from "./Types.sol";

/// @title Opening of leaves: checks them against the root and counts the answers that are the drawn
/// ones
library Openings {
    /// @notice What the opening of leaves carries from bundle to bundle.
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

    /// @notice What an opening needs to know of a license and its universe; nothing is opened yet.
    /// @param bundles to be opened; @param questions positions that leaves can have
    function start(
        ILicenseRegistry registry,
        LicenseRef calldata license,
        bytes32 licenseId,
        uint256 bundles,
        uint256 questions
    ) internal view returns (Openings.Opening memory o) {
        bytes32 modelId = license.terms.modelId;
        uint32 epoch = license.terms.epoch;
        uint256 sharedCount;
        (o.root, o.personalCount, sharedCount, o.modelSeed, o.licenseSeed) =
            registry.drawsOf(modelId, epoch, licenseId);
        o.leafCount = o.personalCount + sharedCount;
        o.assignmentP = license.terms.evidence.assignmentP;
        o.buffer = Leaves.preimage(modelId, epoch);
        o.questions = new bytes32[](questions);
        o.opened = new bytes32[](Leaves.BUNDLE * bundles);
    }

    /// @notice Opens the bundles and counts where the drawn candidate is what was agreed on.
    function open(
        Opening memory o,
        uint32[] calldata drawn,
        IChallengeTypes.OpenedBundle[] calldata given
    ) internal pure {
        require(
            given.length == drawn.length,
            IChallengeTypes.ChallengeManager_WrongLength("bundles", given.length, drawn.length)
        );
        for (uint256 k; k < given.length; ++k) {
            _openBundle(o, given[k], k, drawn[k]);
        }
    }

    /// @dev Opens the `k`-th drawn bundle, number `bundle` of the universe.
    function _openBundle(
        Opening memory o,
        IChallengeTypes.OpenedBundle calldata given,
        uint256 k,
        uint32 bundle
    ) private pure {
        bytes32[16] memory leaves;
        for (uint256 l; l < Leaves.BUNDLE; ++l) {
            leaves[l] =
                _openLeaf(o, given.leaves[l], Leaves.BUNDLE * k + l, bundle * 16 + uint32(l));
        }
        require(
            Leaves.verify(o.root, Leaves.bundleRoot(leaves), bundle, given.siblings, o.leafCount),
            IChallengeTypes.ChallengeManager_BadProof(bundle)
        );
    }

    /// @dev Opens leaf `index` as fingerprint `j` of the case, and counts its hit.
    function _openLeaf(
        Opening memory o,
        IChallengeTypes.OpenedLeaf calldata leaf,
        uint256 j,
        uint32 index
    ) private pure returns (bytes32) {
        uint256 position = leaf.position;
        bytes32 keyHash = leaf.keyHash;
        require(
            position < o.questions.length && keyHash != 0
                && _put(o.questions, position, keyHash) == 0,
            IChallengeTypes.ChallengeManager_BadPosition(j, leaf.position)
        );
        _put(o.opened, j, keyHash);

        bytes32 tags0 = leaf.tags[0];
        bytes32 tags1 = leaf.tags[1];
        require(
            Leaves.tagsValid(tags0, tags1), IChallengeTypes.ChallengeManager_MalformedLeaf(index)
        );
        // A valid tag is never 0, so a question without a consensus is a miss.
        if (_tagAt(o.agreed, position) == _drawnTag(o, index, leaf.salt, tags0, tags1)) {
            bool counts = index < o.personalCount
                || Draw.isAssigned(o.licenseSeed, o.root, index, leaf.salt, o.assignmentP);
            if (counts) o.hits |= 1 << j;
            else o.outside |= 1 << j;
        }
        return Leaves.hashWith(o.buffer, index, leaf.salt, keyHash, tags0, tags1);
    }

    /// @dev Tag of the candidate that was drawn for leaf `index`.
    function _drawnTag(Opening memory o, uint32 index, bytes32 salt, bytes32 tags0, bytes32 tags1)
        private
        pure
        returns (bytes4)
    {
        bytes32 seed = index < o.personalCount ? o.licenseSeed : o.modelSeed;
        return Leaves.tagAt(tags0, tags1, Draw.candidate(seed, o.root, index, salt));
    }

    /// @dev Writes to a place that is known to be inside of the array; returns what was there.
    function _put(bytes32[] memory words, uint256 place, bytes32 word)
        private
        pure
        returns (bytes32 before)
    {
        assembly ("memory-safe") {
            let at := add(add(words, 0x20), shl(5, place))
            before := mload(at)
            mstore(at, word)
        }
    }

    /// @dev There are as many tags as questions, so the place is inside.
    function _tagAt(bytes4[] memory tags, uint256 place) private pure returns (bytes4 tag) {
        assembly ("memory-safe") {
            tag := mload(add(add(tags, 0x20), shl(5, place)))
        }
    }

    /// @notice `keccak` of the words one after the other.
    function hashWords(bytes32[] memory words) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }
}
