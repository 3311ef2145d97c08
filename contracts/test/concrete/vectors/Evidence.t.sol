// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EValue } from "../../../src/libraries/EValue.sol";
import { Judgment } from "../../../src/libraries/Judgment.sol";
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

    function test_evidence() public view {
        uint256[] memory hits = _numbers("hits");
        uint256[] memory leaves = _numbers("leaves");
        int256[] memory evidence = _integers("evidence");
        _assertFilled(evidence.length);
        for (uint256 i; i < evidence.length; ++i) {
            assertEq(int256(EValue.evidence(hits[i], leaves[i])), evidence[i], "evidence");
        }
    }

    function test_thresholds() public view {
        uint256[] memory alphaInverse = _numbers("alphaInverse");
        uint256[] memory licenses = _numbers("licenses");
        int256[] memory thresholds = _integers("threshold");
        _assertFilled(thresholds.length);
        for (uint256 i; i < thresholds.length; ++i) {
            int64 computed = EValue.log2Ceil(alphaInverse[i]) + EValue.log2Ceil(licenses[i]);
            assertEq(int256(computed), thresholds[i], "threshold");
        }
    }

    function test_premiums() public view {
        uint256[] memory biasBits = _numbers("biasBits");
        uint256[] memory deployments = _numbers("deployments");
        int256[] memory premiums = _integers("premium");
        _assertFilled(premiums.length);
        for (uint256 i; i < premiums.length; ++i) {
            int64 computed = Judgment.premium(uint8(biasBits[i]), uint16(deployments[i]));
            assertEq(int256(computed), premiums[i], "premium");
        }
    }
}
