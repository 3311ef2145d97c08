// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EValue } from "../../../src/libraries/EValue.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract EValueTest is TestBase {
    uint64 private constant ONE = 1 << 32;

    function log2Floor(uint64 x) external pure returns (int64) {
        return EValue.log2Floor(x);
    }

    function log2Ceil(uint256 x) external pure returns (int64) {
        return EValue.log2Ceil(x);
    }

    function test_isValid_refusesMultipliersWithoutEffect() public pure {
        assertFalse(EValue.isValid(ONE, 1, 1, 16), "hit of 1");
        assertFalse(EValue.isValid(2 * ONE, ONE, 1, 16), "miss of 1");
        assertFalse(EValue.isValid(2 * ONE, 0, 1, 16), "miss of 0");
    }

    function test_isValid_refusesCertainty() public pure {
        assertFalse(EValue.isValid(2 * ONE, 1, 0, 16), "p0 = 0");
        assertFalse(EValue.isValid(2 * ONE, 1, 16, 16), "p0 = 1");
        assertFalse(EValue.isValid(2 * ONE, 1, 17, 16), "p0 > 1");
    }

    function test_isValid_isExact() public pure {
        // 1·h + 15·m = 16·2^32
        uint64 m = ONE / 2;
        uint64 h = 16 * ONE - 15 * m;
        assertTrue(EValue.isValid(h, m, 1, 16), "expectation 1");
        assertFalse(EValue.isValid(h + 1, m, 1, 16), "hit too large");
        assertFalse(EValue.isValid(h, m + 1, 1, 16), "miss too large");
        assertTrue(EValue.isValid(h - 1, m, 1, 16), "below");
    }

    function test_isValid_takesDenominatorsOf64Bits() public pure {
        assertTrue(EValue.isValid(2 * ONE, 1, 1, type(uint64).max), "the largest");
        assertFalse(EValue.isValid(2 * ONE, 1, 1, uint256(1) << 64), "one more");
    }

    function test_log2Floor() public {
        vm.expectRevert(abi.encodeWithSelector(EValue.EValue_LogOfZero.selector));
        this.log2Floor(0);
        for (uint256 n; n < 64; ++n) {
            int256 expected = (int256(n) - 32) * int256(uint256(ONE));
            assertEq(int256(EValue.log2Floor(uint64(1) << uint64(n))), expected, "power of two");
        }
        // log2(3) = 1.58496250072115618…, times 2^32 = 6807362105.97…
        assertEq(int256(EValue.log2Floor(3 * ONE)), 6_807_362_105, "log2(3)");
        // log2(12.8) = 3.67807190511263779…, times 2^32 = 15797198544.70…
        assertEq(int256(EValue.log2Floor(uint64(128 * uint256(ONE) / 10))), 15_797_198_544, "12.8");
    }

    function test_log2Ceil() public {
        vm.expectRevert(abi.encodeWithSelector(EValue.EValue_LogOfZero.selector));
        this.log2Ceil(0);
        vm.expectRevert(
            abi.encodeWithSelector(EValue.EValue_IntegerTooLarge.selector, uint256(1) << 95)
        );
        this.log2Ceil(uint256(1) << 95);
        for (uint256 n; n < 95; ++n) {
            int256 expected = int256(n) * int256(uint256(ONE));
            assertEq(int256(EValue.log2Ceil(uint256(1) << n)), expected, "power of two");
        }
        assertEq(int256(EValue.log2Ceil((1 << 95) - 1)), 95 << 32, "the largest");
        assertEq(int256(EValue.log2Ceil(3)), 6_807_362_106, "log2(3), rounded up");
    }

    function test_evidenceAndThreshold() public pure {
        assertEq(int256(EValue.evidence(3, 2, 8 * ONE, ONE / 4)), 5 * int256(uint256(ONE)));
        assertEq(int256(EValue.evidence(0, 0, 8 * ONE, ONE / 4)), 0);
        assertEq(int256(EValue.threshold(1024, 4, 2)), 13 * int256(uint256(ONE)));
    }
}
