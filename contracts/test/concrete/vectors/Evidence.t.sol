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

    function test_validity() public view {
        uint256[] memory hit = _numbers("hit");
        uint256[] memory miss = _numbers("miss");
        uint256[] memory numerator = _numbers("p0Numerator");
        uint256[] memory denominator = _numbers("p0Denominator");
        uint256[] memory valid = _numbers("valid");
        _assertFilled(valid.length);
        for (uint256 i; i < valid.length; ++i) {
            bool computed =
                EValue.isValid(uint64(hit[i]), uint64(miss[i]), numerator[i], denominator[i]);
            assertEq(computed, valid[i] == 1, "validity");
        }
    }

    function test_evidence() public view {
        uint64 h = uint64(_number("evidenceHit"));
        uint64 m = uint64(_number("evidenceMiss"));
        uint256[] memory hits = _numbers("hits");
        uint256[] memory misses = _numbers("misses");
        int256[] memory evidence = _integers("evidence");
        _assertFilled(evidence.length);
        for (uint256 i; i < evidence.length; ++i) {
            assertEq(int256(EValue.evidence(hits[i], misses[i], h, m)), evidence[i], "evidence");
        }
    }

    function test_thresholds() public view {
        uint256[] memory alphaInverse = _numbers("alphaInverse");
        uint256[] memory cases = _numbers("cases");
        uint256[] memory licenses = _numbers("licenses");
        int256[] memory thresholds = _integers("threshold");
        _assertFilled(thresholds.length);
        for (uint256 i; i < thresholds.length; ++i) {
            int64 computed =
                EValue.threshold(uint64(alphaInverse[i]), uint32(cases[i]), uint32(licenses[i]));
            assertEq(int256(computed), thresholds[i], "threshold");
        }
    }
}
