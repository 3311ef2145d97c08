// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EValue } from "../../../src/libraries/EValue.sol";
import { VectorTest } from "./VectorTest.sol";

contract EvidenceVectors is VectorTest {
    function setUp() public {
        _load("evidence");
    }

    function test_logarithms() public view {
        uint256[] memory q32 = _numbers("q32");
        int256[] memory floors = _integers("log2Floor");
        _assertFilled(q32.length);
        for (uint256 i; i < q32.length; ++i) {
            assertEq(int256(EValue.log2Floor(uint64(q32[i]))), floors[i], "log2Floor");
        }
        uint256[] memory integers = _numbers("integer");
        int256[] memory ceilings = _integers("log2Ceil");
        _assertFilled(integers.length);
        for (uint256 i; i < integers.length; ++i) {
            assertEq(int256(EValue.log2Ceil(integers[i])), ceilings[i], "log2Ceil");
        }
    }
}
