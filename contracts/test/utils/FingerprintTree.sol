// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Leaves } from "../../src/libraries/Leaves.sol";
import { OpenedBundle, OpenedLeaf } from "../../src/libraries/Types.sol";

/// @title A universe made from counters, with its tree and proofs
/// @dev Leaf `i` has the key, salt and tags that its index gives, so that nothing has to be stored
/// but nodes.
contract FingerprintTree {
    bytes32 public immutable modelId;
    uint32 public immutable epoch;
    uint32 public immutable count;
    /// @dev Level 0 are the leaves.
    bytes32[][] private _levels;

    constructor(bytes32 modelId_, uint32 epoch_, uint32 count_) {
        modelId = modelId_;
        epoch = epoch_;
        count = count_;
        uint256 width = 16;
        while (width < count_) width *= 2;
        bytes32[] memory level = new bytes32[](width);
        for (uint32 i; i < count_; ++i) {
            level[i] = leafHash(i);
        }
        _levels.push(level);
        while (width > 1) {
            width /= 2;
            bytes32[] memory above = new bytes32[](width);
            for (uint256 i; i < width; ++i) {
                above[i] = keccak256(abi.encodePacked(level[2 * i], level[2 * i + 1]));
            }
            _levels.push(above);
            level = above;
        }
    }

    function root() external view returns (bytes32) {
        return _levels[_levels.length - 1][0];
    }

    function siblings(uint32 bundle) public view returns (bytes32[] memory proof) {
        proof = new bytes32[](_levels.length - 5);
        uint256 index = bundle;
        for (uint256 i; i < proof.length; ++i) {
            proof[i] = _levels[4 + i][index ^ 1];
            index >>= 1;
        }
    }

    /// @dev The whole bundle with its proof.
    function opened(uint32 bundle) external view returns (OpenedBundle memory result) {
        result.leaves = new OpenedLeaf[](16);
        for (uint32 l; l < 16; ++l) {
            uint32 i = bundle * 16 + l;
            result.leaves[l].salt = salt(i);
            result.leaves[l].keyHash = keyHash(i);
            result.leaves[l].tags = tags(i);
        }
        result.siblings = siblings(bundle);
    }

    function leafHash(uint32 i) public view returns (bytes32) {
        bytes32[2] memory packed = tags(i);
        return keccak256(
            abi.encodePacked(
                keccak256("OML.leaf.v1"),
                modelId,
                epoch,
                i,
                salt(i),
                keyHash(i),
                packed[0],
                packed[1]
            )
        );
    }

    function salt(uint32 i) public pure returns (bytes32) {
        return keccak256(abi.encodePacked("salt", i));
    }

    function keyHash(uint32 i) public pure virtual returns (bytes32) {
        return keccak256(abi.encodePacked("key", i));
    }

    /// @dev Tag of candidate `j` of leaf `i`; increasing in `j`, and not those of a neighbour.
    function tag(uint32 i, uint256 j) public pure virtual returns (bytes4) {
        uint32 base = uint32(bytes4(keccak256(abi.encodePacked("tags", i)))) >> 1;
        return bytes4(base + 1 + uint32(j) * 7);
    }

    function tags(uint32 i) public pure virtual returns (bytes32[2] memory packed) {
        for (uint256 j; j < 16; ++j) {
            packed[j / 8] |= bytes32(tag(i, j)) >> (32 * (j % 8));
        }
        require(Leaves.tagsValid(packed[0], packed[1]), "tags of the test universe");
    }
}
