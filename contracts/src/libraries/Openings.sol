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
    /// @param buffer `Leaves.preimage`, written over leaf by leaf
    struct Book {
        bytes32 root;
        uint256 leafCount;
        bytes32 licenseSeed;
        bytes buffer;
    }

    /// @notice What a bundle holds.
    /// @param keyHashes of the leaves; @param answers tag of the candidate drawn for the license
    struct Page {
        bytes32[16] keyHashes;
        bytes4[16] answers;
    }

    /// @notice The universe, with the answers of the license whose seed this is.
    function bookOf(ILicenseRegistry registry, bytes32 modelId, uint32 epoch, bytes32 licenseSeed)
        internal
        view
        returns (Book memory book)
    {
        ILicenseRegistry.Universe memory u = registry.universe(modelId, epoch);
        book.root = u.root;
        book.leafCount = uint256(u.personalCount) + u.sharedCount;
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
        uint32 first = uint32(bundle * Leaves.BUNDLE);
        bytes32[16] memory hashes;
        for (uint32 l; l < Leaves.BUNDLE; ++l) {
            OpenedLeaf calldata leaf = leaves[l];
            uint32 index = first + l;
            bytes32 tags0 = leaf.tags[0];
            bytes32 tags1 = leaf.tags[1];
            require(Leaves.tagsValid(tags0, tags1), Openings_MalformedLeaf(index));

            uint256 drawn = Draw.candidate(book.licenseSeed, book.root, index, leaf.salt);
            page.keyHashes[l] = leaf.keyHash;
            page.answers[l] = Leaves.tagAt(tags0, tags1, drawn);
            hashes[l] = Leaves.hashWith(book.buffer, index, leaf.salt, leaf.keyHash, tags0, tags1);
        }
        require(
            Leaves.verify(
                book.root, Leaves.bundleRoot(hashes), bundle, given.siblings, book.leafCount
            ),
            Openings_BadProof(bundle)
        );
    }

    /// @notice `keccak256` of the key hashes of eight leaves from `first`, 0 or 8, on.
    function keysHash(Page memory page, uint256 first) internal pure returns (bytes32 result) {
        bytes32[16] memory hashes = page.keyHashes;
        // They lie in memory as they are hashed.
        assembly ("memory-safe") {
            result := keccak256(add(hashes, shl(5, first)), 0x100)
        }
    }
}
