// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Leaves } from "../../src/libraries/Leaves.sol";
import { FingerprintTree } from "../utils/FingerprintTree.sol";
import { TestBase } from "../utils/TestBase.sol";

contract LeavesFuzz is TestBase {
    function verify(
        bytes32 root,
        bytes32 subtree,
        uint32 bundle,
        bytes32[] calldata siblings,
        uint256 count
    ) external pure returns (bool) {
        return Leaves.verify(root, subtree, bundle, siblings, Leaves.depth(count));
    }

    function _subtree(FingerprintTree tree, uint32 bundle) private view returns (bytes32) {
        bytes32[16] memory leaves;
        for (uint32 l; l < 16; ++l) {
            leaves[l] = tree.leafHash(bundle * 16 + l);
        }
        return Leaves.bundleRoot(leaves);
    }

    /// @dev Every bundle of every tree has one place, and no changed sibling proves it.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_bundleHasOnePlace(uint8 bundles, uint32 seed, uint256 change) public {
        uint32 count = uint32(bound(bundles, 1, 12)) * 16;
        uint32 bundle = uint32(seed % (count / 16));
        FingerprintTree tree = new FingerprintTree("model", 3, count);
        bytes32[] memory siblings = tree.siblings(bundle);
        bytes32 subtree = _subtree(tree, bundle);
        assertTrue(this.verify(tree.root(), subtree, bundle, siblings, count), "its place");
        for (uint32 other; other < count / 16; ++other) {
            if (other == bundle) continue;
            assertFalse(this.verify(tree.root(), subtree, other, siblings, count), "another place");
        }
        if (siblings.length == 0) return;
        uint256 i = change % siblings.length;
        siblings[i] = keccak256(abi.encode(siblings[i], change));
        assertFalse(this.verify(tree.root(), subtree, bundle, siblings, count), "changed sibling");
    }

    /// @dev Any change of any field changes the leaf.
    function testFuzz_leafBindsItsFields(bytes32 salt, bytes32 keyHash, uint32 index, uint8 field)
        public
        pure
    {
        bytes32[2] memory tags = [bytes32(uint256(1)), bytes32(uint256(2))];
        bytes32 leaf = Leaves.hash("model", 1, index, salt, keyHash, tags);
        bytes32 other;
        if (field % 7 == 0) other = Leaves.hash("another", 1, index, salt, keyHash, tags);
        else if (field % 7 == 1) other = Leaves.hash("model", 2, index, salt, keyHash, tags);
        else if (field % 7 == 2) other = Leaves.hash("model", 1, index ^ 1, salt, keyHash, tags);
        else if (field % 7 == 3) other = Leaves.hash("model", 1, index, ~salt, keyHash, tags);
        else if (field % 7 == 4) other = Leaves.hash("model", 1, index, salt, ~keyHash, tags);
        else other = Leaves.hash("model", 1, index, salt, keyHash, [tags[field % 2], ~tags[1]]);
        assertNotEq(leaf, other);
    }
}
