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

    /// @dev The bet is h = 6.4 and m = 0.64, each rounded down to 32 bits of a fraction: what an
    /// innocent expects is below 1.
    function test_theBetIsValid() public pure {
        assertEq(EValue.HIT, uint64(64 * uint256(ONE) / 10), "h");
        assertEq(EValue.MISS, uint64(64 * uint256(ONE) / 100), "m");
        assertLe(uint256(EValue.HIT) + 15 * uint256(EValue.MISS), 16 * uint256(ONE), "1/16");
        assertGt(uint256(EValue.HIT) + 15 * (uint256(EValue.MISS) + 1), 16 * uint256(ONE), "tight");
    }

    function test_evidence() public pure {
        int64 hit = EValue.log2Floor(EValue.HIT);
        int64 miss = EValue.log2Floor(EValue.MISS);
        assertGt(hit, 0, "a hit raises");
        assertLt(miss, 0, "a miss lowers");
        assertEq(int256(EValue.evidence(0, 0)), 0, "nothing");
        assertEq(int256(EValue.evidence(1, 1)), int256(hit), "one hit");
        assertEq(int256(EValue.evidence(0, 1)), int256(miss), "one miss");
        assertEq(int256(EValue.evidence(3, 5)), 3 * int256(hit) + 2 * int256(miss), "both");
        assertEq(int256(EValue.evidence(256, 256)), 256 * int256(hit), "the most hits");
        assertEq(int256(EValue.evidence(0, 256)), 256 * int256(miss), "the most misses");
    }
}
