// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Fingerprint leaves and the tree over them
/// @dev A leaf's preimage has 200 bytes and a node's 64, so neither can pose as the other.
library Leaves {
    /// @notice Leaves of a bundle, and candidates of a leaf.
    uint256 internal constant BUNDLE = 16;

    bytes32 internal constant LEAF_DOMAIN = keccak256("OML.leaf.v1");

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
        return keccak256(
            abi.encodePacked(LEAF_DOMAIN, modelId, epoch, index, salt, keyHash, tags[0], tags[1])
        );
    }

    /// @notice Whether all 16 tags are above 0 and strictly increasing, hence pairwise distinct:
    /// only then can a response match at most one candidate.
    function tagsValid(bytes32[2] memory tags) internal pure returns (bool) {
        uint256 previous;
        for (uint256 word; word < 2; ++word) {
            uint256 packed = uint256(tags[word]);
            // From the first tag's place to the last one's; the shift never underflows.
            unchecked {
                for (uint256 shift = 256; shift != 0;) {
                    shift -= 32;
                    uint256 tag = (packed >> shift) & 0xffffffff;
                    if (tag <= previous) return false;
                    previous = tag;
                }
            }
        }
        return true;
    }

    /// @notice Tag of candidate `j`.
    function tagAt(bytes32[2] memory tags, uint256 j) internal pure returns (bytes4) {
        return bytes4(tags[j >> 3] << ((j & 7) * 32));
    }

    /// @notice Root of the aligned subtree over one bundle's leaves.
    function bundleRoot(bytes32[16] memory leaves) internal pure returns (bytes32) {
        // Two neighbours lie next to each other in memory, as their node's preimage; each level overwrites the last.
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
    /// @param siblings bottom up; their number must be that of a tree over `count` leaves, or a
    /// proof could name a bundle outside of the tree
    function verify(
        bytes32 root,
        bytes32 subtree,
        uint32 bundle,
        bytes32[] calldata siblings,
        uint256 count
    ) internal pure returns (bool) {
        if (siblings.length != depth(count) || uint256(bundle) >> siblings.length != 0) {
            return false;
        }
        bytes32 computed = subtree;
        for (uint256 i; i < siblings.length; ++i) {
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
