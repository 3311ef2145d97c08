// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { Draw } from "./Draw.sol";
import { Leaves } from "./Leaves.sol";
import { OpenedBundle, OpenedLeaf } from "./Types.sol";

/// @title Opening of bundles: checks leaves against the root and says what a license answers
library Openings {
    /// @notice A bundle has sixteen leaves.
    error Openings_WrongLength(uint32 bundle, uint256 leaves);
    /// @notice The tags of a leaf are not 16 strictly increasing non-zero values.
    error Openings_MalformedLeaf(uint32 leaf);
    /// @notice The bundle is not under the universe's root.
    error Openings_BadProof(uint32 bundle);

    /// @notice A universe's personal part, with the answers of one license.
    /// @param levels of the tree above the bundles
    /// @param buffer `Leaves.preimage`, written over leaf by leaf
    struct Book {
        bytes32 root;
        uint256 levels;
        bytes32 licenseSeed;
        bytes buffer;
    }

    /// @notice What a bundle holds.
    /// @param keyHashes of the leaves
    /// @param answers tags of the candidates drawn for the license, eight in a word
    struct Page {
        bytes32[16] keyHashes;
        bytes32[2] answers;
    }

    /// @notice The universe, with the answers of the license whose seed this is.
    function bookOf(ILicenseRegistry registry, bytes32 modelId, uint32 epoch, bytes32 licenseSeed)
        internal
        view
        returns (Book memory book)
    {
        ILicenseRegistry.Universe memory u = registry.universe(modelId, epoch);
        book.root = u.root;
        book.levels = Leaves.depth(uint256(u.personalCount) + u.sharedCount);
        book.licenseSeed = licenseSeed;
        book.buffer = Leaves.preimage(modelId, epoch);
    }

    /// @notice Opens bundle number `bundle`, which is of the personal part.
    function open(Book memory book, uint32 bundle, OpenedBundle calldata given)
        internal
        pure
        returns (Page memory page)
    {
        OpenedLeaf[] calldata leaves = given.leaves;
        require(leaves.length == Leaves.BUNDLE, Openings_WrongLength(bundle, leaves.length));
        bytes32[16] memory hashes;
        page.answers[0] = _readHalf(book, bundle, leaves, 0, page.keyHashes, hashes);
        page.answers[1] = _readHalf(book, bundle, leaves, 8, page.keyHashes, hashes);
        bytes32 subtree = Leaves.bundleRoot(hashes);
        require(
            Leaves.verify(book.root, subtree, bundle, given.siblings, book.levels),
            Openings_BadProof(bundle)
        );
    }

    /// @dev The leaves from `from` to `from` + 7: their hashes, and the tags that the license
    /// answers with.
    function _readHalf(
        Book memory book,
        uint32 bundle,
        OpenedLeaf[] calldata leaves,
        uint256 from,
        bytes32[16] memory keyHashes,
        bytes32[16] memory hashes
    ) private pure returns (bytes32 answers) {
        // No sum of small numbers overflows.
        unchecked {
            for (uint256 l = from; l < from + 8; ++l) {
                OpenedLeaf calldata leaf = leaves[l];
                keyHashes[l] = leaf.keyHash;
                bytes4 tag;
                (hashes[l], tag) = _read(book, uint32(bundle * Leaves.BUNDLE + l), leaf);
                answers = answers << 32 | bytes32(tag) >> 224;
            }
        }
    }

    /// @dev Hash of a leaf, and the tag that the license answers with.
    function _read(Book memory book, uint32 index, OpenedLeaf calldata leaf)
        private
        pure
        returns (bytes32 hash, bytes4 tag)
    {
        bytes32 tags0 = leaf.tags[0];
        bytes32 tags1 = leaf.tags[1];
        require(Leaves.tagsValid(tags0, tags1), Openings_MalformedLeaf(index));
        hash = Leaves.hashWith(book.buffer, index, leaf.salt, leaf.keyHash, tags0, tags1);
        uint256 drawn = Draw.candidate(book.licenseSeed, book.root, index, leaf.salt);
        tag = Leaves.tagAt(tags0, tags1, drawn);
    }

    /// @notice Tag that the license answers with to leaf `l` of the bundle.
    function answerOf(Page memory page, uint256 l) internal pure returns (bytes4) {
        return bytes4(page.answers[l / 8] << (32 * (l % 8)));
    }

    /// @notice `keccak256` of the key hashes of the eight leaves of one half, 0 or 1.
    function keysHash(Page memory page, uint256 half) internal pure returns (bytes32) {
        return Leaves.hashOfHalf(page.keyHashes, half);
    }
}
