// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Leaves } from "../../../src/libraries/Leaves.sol";
import { VectorTest } from "./VectorTest.sol";

contract TreeVectors is VectorTest {
    function setUp() public {
        _load("tree");
    }

    /// @dev Leaves of a bundle to a proven root, as the contract does it.
    function test_bundle() public view {
        bytes32[] memory salts = _words("bundleSalt");
        bytes32[] memory keyHashes = _words("bundleKeyHash");
        bytes32[] memory tags0 = _words("bundleTags0");
        bytes32[] memory tags1 = _words("bundleTags1");
        bytes32[] memory expected = _words("bundleLeaf");
        uint32 bundle = uint32(_number("bundle"));
        bytes32[16] memory leaves;
        for (uint256 l; l < 16; ++l) {
            leaves[l] = Leaves.hash(
                _word("modelId"),
                uint32(_number("epoch")),
                bundle * 16 + uint32(l),
                salts[l],
                keyHashes[l],
                [tags0[l], tags1[l]]
            );
            assertEq(leaves[l], expected[l], "leaf");
        }
        bytes32 subtree = Leaves.bundleRoot(leaves);
        bytes32 root = _word("bundleRoot");
        uint256 count = _number("bundleCount");
        assertTrue(this.verify(root, subtree, bundle, _words("sibling"), count), "proof");
        assertFalse(
            this.verify(root, subtree, bundle + 1, _words("sibling"), count),
            "proof of another bundle"
        );
    }

    function verify(
        bytes32 root,
        bytes32 subtree,
        uint32 bundle,
        bytes32[] calldata siblings,
        uint256 count
    ) external pure returns (bool) {
        return Leaves.verify(root, subtree, bundle, siblings, Leaves.depth(count));
    }
}
