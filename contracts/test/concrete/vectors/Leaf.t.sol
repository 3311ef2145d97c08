// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Leaves } from "../../../src/libraries/Leaves.sol";
import { VectorTest } from "./VectorTest.sol";

contract LeafVectors is VectorTest {
    function test_leafHashes() public {
        _load("leaf");
        uint256[] memory indices = _numbers("index");
        bytes32[] memory salts = _words("salt");
        bytes32[] memory keyHashes = _words("keyHash");
        bytes32[] memory tags0 = _words("tags0");
        bytes32[] memory tags1 = _words("tags1");
        bytes32[] memory leaves = _words("leaf");
        _assertFilled(leaves.length);
        for (uint256 i; i < leaves.length; ++i) {
            bytes32[2] memory tags = [tags0[i], tags1[i]];
            assertTrue(Leaves.tagsValid(tags[0], tags[1]), "tags");
            bytes32 computed = Leaves.hash(
                _word("modelId"),
                uint32(_number("epoch")),
                uint32(indices[i]),
                salts[i],
                keyHashes[i],
                tags
            );
            assertEq(computed, leaves[i], "leaf");
        }
    }
}
