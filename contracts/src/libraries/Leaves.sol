// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Fingerprint leaves and the tree over them
/// @dev A leaf's preimage has 200 bytes and a node's 64, so neither can pose as the other.
library Leaves {
    /// @notice Leaves of a bundle, and candidates of a leaf.
    uint256 internal constant BUNDLE = 16;

    bytes32 internal constant LEAF_DOMAIN = keccak256("OML.leaf.v1");

    /// @dev Low halves of the four 64-bit lanes of a word.
    uint256 private constant LOW =
        0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    /// @dev Bit 32 of each lane, and bit 0.
    uint256 private constant CARRY =
        0x0000000100000000000000010000000000000001000000000000000100000000;
    uint256 private constant ONES =
        0x0000000000000001000000000000000100000000000000010000000000000001;
    /// @dev Bit 0 of each of the eight tags of a word, and all bits but the highest.
    uint256 private constant UNITS =
        0x0000000100000001000000010000000100000001000000010000000100000001;
    uint256 private constant BELOW_TOP = 0x7fffffff * UNITS;

    /// @notice Hash of leaf `index`.
    /// @param tags 16 tags of 4 bytes each, packed in order
    function hash(
        bytes32 modelId,
        uint32 epoch,
        uint32 index,
        bytes32 salt,
        bytes32 keyHash,
        bytes32[2] memory tags
    ) internal pure returns (bytes32) {
        return hashWith(preimage(modelId, epoch), index, salt, keyHash, tags[0], tags[1]);
    }

    /// @notice The 200 bytes that a leaf of this universe hashes, with the leaf's own part still
    /// empty.
    function preimage(bytes32 modelId, uint32 epoch) internal pure returns (bytes memory) {
        return abi.encodePacked(LEAF_DOMAIN, modelId, epoch, new bytes(132));
    }

    /// @notice Hash of leaf `index`, whose part is written into `buffer`, a `preimage`.
    function hashWith(
        bytes memory buffer,
        uint32 index,
        bytes32 salt,
        bytes32 keyHash,
        bytes32 tags0,
        bytes32 tags1
    ) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            // Each word's end is overwritten by the next, so four bytes of index need no mask of
            // their own.
            let place := add(buffer, 0x64)
            mstore(place, shl(224, index))
            mstore(add(place, 0x04), salt)
            mstore(add(place, 0x24), keyHash)
            mstore(add(place, 0x44), tags0)
            mstore(add(place, 0x64), tags1)
            result := keccak256(add(buffer, 0x20), 200)
        }
    }

    /// @notice Whether all 16 tags are above 0 and strictly increasing, hence pairwise distinct:
    /// only then can a response match at most one candidate.
    /// @dev Four comparisons at a time: with bit 32 set, `b − a − 1` keeps it exactly if `a < b`.
    /// The tags with odd numbers are compared with those before them, then with those after them;
    /// the last one of a word has none after it there.
    function tagsValid(bytes32 tags0, bytes32 tags1) internal pure returns (bool) {
        unchecked {
            uint256 first = uint256(tags0);
            uint256 second = uint256(tags1);
            uint256 odd0 = first & LOW;
            uint256 odd1 = second & LOW;
            uint256 before = ((odd0 | CARRY) - (first >> 32 & LOW) - ONES)
                & ((odd1 | CARRY) - (second >> 32 & LOW) - ONES);
            uint256 behind = ((first << 32 & LOW | CARRY) - odd0 - ONES)
                & ((second << 32 & LOW | CARRY) - odd1 - ONES);
            return first >> 224 != 0 && first & 0xffffffff < second >> 224
                && before & CARRY == CARRY && (behind & CARRY) >> 64 == CARRY >> 64;
        }
    }

    /// @notice Tag of candidate `j`.
    function tagAt(bytes32 tags0, bytes32 tags1, uint256 j) internal pure returns (bytes4) {
        return bytes4((j >> 3 == 0 ? tags0 : tags1) << ((j & 7) * 32));
    }

    /// @notice How many of the eight tags of one word equal those at the same places of another.
    /// @dev All at once: adding `BELOW_TOP` to the low 31 bits of a difference carries into its top
    /// bit exactly if one of them is set. The product adds up the eight results in its first tag.
    function equalTags(bytes32 a, bytes32 b) internal pure returns (uint256) {
        unchecked {
            uint256 difference = uint256(a ^ b);
            uint256 top = ((difference & BELOW_TOP) + BELOW_TOP) | difference;
            return 8 - ((top >> 31 & UNITS) * UNITS >> 224);
        }
    }

    /// @notice `keccak256` of eight words of sixteen, one after the other: of half 0 or of half 1.
    function hashOfHalf(bytes32[16] memory words, uint256 half)
        internal
        pure
        returns (bytes32 result)
    {
        // They lie in memory as they are hashed.
        assembly ("memory-safe") {
            result := keccak256(add(words, shl(8, half)), 0x100)
        }
    }

    /// @notice Root of the aligned subtree over one bundle's leaves.
    function bundleRoot(bytes32[16] memory leaves) internal pure returns (bytes32) {
        // Two neighbours lie next to each other in memory, as their node's preimage; each level
        // overwrites the last.
        for (uint256 width = 8; width != 0; width >>= 1) {
            assembly ("memory-safe") {
                for { let i := 0 } lt(i, width) { i := add(i, 1) } {
                    mstore(add(leaves, shl(5, i)), keccak256(add(leaves, shl(6, i)), 0x40))
                }
            }
        }
        return leaves[0];
    }

    /// @notice Whether bundle number `bundle` with root `subtree` lies under `root`.
    /// @param siblings bottom up
    /// @param levels that the tree has above its bundles: with another number of siblings a proof
    /// could name a bundle outside of the tree
    function verify(
        bytes32 root,
        bytes32 subtree,
        uint32 bundle,
        bytes32[] calldata siblings,
        uint256 levels
    ) internal pure returns (bool) {
        if (siblings.length != levels || uint256(bundle) >> levels != 0) return false;
        bytes32 computed = subtree;
        for (uint256 i; i < levels; ++i) {
            computed =
                (bundle >> i) & 1 == 0 ? node(computed, siblings[i]) : node(siblings[i], computed);
        }
        return computed == root;
    }

    /// @notice Levels above the bundles of a tree over `count` leaves; its width is the smallest
    /// power of two that is at least `count` and 16.
    function depth(uint256 count) internal pure returns (uint256 levels) {
        while (BUNDLE << levels < count) ++levels;
    }

    /// @notice `keccak(left ‖ right)`.
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            result := keccak256(0x00, 0x40)
        }
    }
}
