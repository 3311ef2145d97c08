// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Leaves } from "../../../src/libraries/Leaves.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract LeavesTest is TestBase {
    function verify(
        bytes32 root,
        bytes32 subtree,
        uint32 bundle,
        bytes32[] calldata siblings,
        uint256 count
    ) external pure returns (bool) {
        return Leaves.verify(root, subtree, bundle, siblings, Leaves.depth(count));
    }

    function _valid(uint32[16] memory values) private pure returns (bool) {
        bytes32[2] memory tags = _tags(values);
        return Leaves.tagsValid(tags[0], tags[1]);
    }

    /// @dev Against looking at each pair.
    function testFuzz_tagsValidIsStrictlyIncreasing(uint32[16] memory values, uint256 seed)
        public
        pure
    {
        // Mostly increasing, else nearly every case would be refused at the first pair.
        uint32 step = uint32(bound(seed >> 64, 1, type(uint32).max / 17));
        for (uint32 j; j < 16; ++j) {
            if (seed >> (4 * j) & 15 != 0 || seed % 3 == 0) {
                values[j] = (j + 1) * step + values[j] % step;
            }
        }
        bool expected = values[0] != 0;
        for (uint256 j = 1; j < 16; ++j) {
            expected = expected && values[j - 1] < values[j];
        }
        assertEq(_valid(values), expected);
    }

    function _tags(uint32[16] memory values) private pure returns (bytes32[2] memory tags) {
        for (uint256 j; j < 16; ++j) {
            tags[j / 8] |= bytes32(bytes4(values[j])) >> (32 * (j % 8));
        }
    }

    function _increasing() private pure returns (uint32[16] memory values) {
        for (uint32 j; j < 16; ++j) {
            values[j] = j + 1;
        }
        values[15] = type(uint32).max;
    }

    function test_tagsValid() public pure {
        uint32[16] memory values = _increasing();
        assertTrue(_valid(values), "increasing");
        for (uint256 j; j < 16; ++j) {
            assertEq(
                bytes32(Leaves.tagAt(_tags(values)[0], _tags(values)[1], j)),
                bytes32(bytes4(values[j])),
                "tag"
            );
        }
        values[0] = 0;
        assertFalse(_valid(values), "zero");
        for (uint256 j = 1; j < 16; ++j) {
            values = _increasing();
            values[j] = values[j - 1];
            assertFalse(_valid(values), "equal");
            values[j] = values[j - 1] - 1;
            assertFalse(_valid(values), "falling");
        }
    }

    function test_preimageHas200Bytes() public pure {
        assertEq(Leaves.preimage("model", 1).length, 200);
    }

    function test_depth() public pure {
        assertEq(Leaves.depth(0), 0);
        assertEq(Leaves.depth(16), 0);
        assertEq(Leaves.depth(17), 1);
        assertEq(Leaves.depth(32), 1);
        assertEq(Leaves.depth(48), 2);
        assertEq(Leaves.depth(64), 2);
        assertEq(Leaves.depth(32_768), 11);
    }

    function test_verify() public view {
        bytes32[4] memory s =
            [keccak256("bundle 0"), keccak256("bundle 1"), keccak256("bundle 2"), bytes32(0)];
        bytes32 left = Leaves.node(s[0], s[1]);
        bytes32 right = Leaves.node(s[2], s[3]);
        bytes32 root = Leaves.node(left, right);
        bytes32[] memory proof = new bytes32[](2);
        (proof[0], proof[1]) = (s[3], left);
        assertTrue(this.verify(root, s[2], 2, proof, 48), "bundle 2 of 3");

        assertFalse(this.verify(root, s[2], 3, proof, 48), "left and right swapped");
        assertFalse(this.verify(root, s[2], 6, proof, 48), "outside of the tree");
        assertFalse(this.verify(root, s[2], 2, proof, 32), "too many siblings");
        assertFalse(this.verify(root, s[2], 2, proof, 65), "too few siblings");
        bytes32[] memory short = new bytes32[](1);
        short[0] = left;
        assertFalse(this.verify(root, right, 1, short, 48), "an inner node is no bundle");
    }
}
