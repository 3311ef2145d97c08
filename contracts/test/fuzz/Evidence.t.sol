// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { FixedPointMathLib } from "solady/utils/FixedPointMathLib.sol";

import { EValue } from "../../src/libraries/EValue.sol";
import { TestBase } from "../utils/TestBase.sol";

contract EvidenceFuzz is TestBase {
    int256 private constant ONE = 1 << 32;
    int256 private constant LN2_WAD = 693_147_180_559_945_309;

    /// @dev Against the natural logarithm of another author, to 1e-9.
    function testFuzz_log2FloorIsTheLogarithm(uint64 seed) public pure {
        uint64 x = uint64(bound(seed, 1 << 20, type(uint64).max));
        int256 ln = FixedPointMathLib.lnWad(int256(uint256(x) * 1e18 >> 32));
        int256 expected = ln * ONE / LN2_WAD;
        assertApproxEqAbs(
            uint256(int256(EValue.log2Floor(x)) + 64 * ONE), uint256(expected + 64 * ONE), 5000
        );
    }

    function testFuzz_log2FloorIsMonotone(uint64 a, uint64 b) public pure {
        (a, b) = (uint64(bound(a, 1, type(uint64).max)), uint64(bound(b, 1, type(uint64).max)));
        if (a > b) (a, b) = (b, a);
        assertLe(int256(EValue.log2Floor(a)), int256(EValue.log2Floor(b)));
    }

    function testFuzz_doublingAddsOneBit(uint64 seed) public pure {
        uint64 x = uint64(bound(seed, 1, type(uint64).max / 2));
        assertEq(int256(EValue.log2Floor(2 * x)), int256(EValue.log2Floor(x)) + ONE);
    }

    /// @dev log2(a) + log2(b) ≤ log2(a·b), each rounded against the accuser.
    function testFuzz_logOfProductIsNotLess(uint32 a, uint32 b) public pure {
        (a, b) = (uint32(bound(a, 1, type(uint32).max)), uint32(bound(b, 1, type(uint32).max)));
        int256 sum = int256(EValue.log2Ceil(a)) + EValue.log2Ceil(b);
        assertGe(sum, int256(EValue.log2Ceil(uint256(a) * b)) - 1);
        assertLe(sum, int256(EValue.log2Ceil(uint256(a) * b)) + 2);
    }

    /// @dev Accepted multipliers never have an expectation above 1 under the null.
    function testFuzz_validMeansExpectationAtMostOne(uint64 h, uint64 m, uint16 p) public pure {
        if (!EValue.isValid(h, m, p, 65_536)) return;
        assertLe(uint256(p) * h + (65_536 - uint256(p)) * m, 65_536 << 32);
    }

    /// @dev The largest miss that goes with a hit is accepted, the next one is not.
    function testFuzz_validityIsTight(uint64 seed) public pure {
        uint64 h = uint64(bound(seed, (1 << 32) + 1, 15 << 32));
        uint64 m = uint64(((16 << 32) - uint256(h)) / 15);
        assertTrue(EValue.isValid(h, m, 1, 16), "tight");
        assertFalse(EValue.isValid(h, m + 1, 1, 16), "above");
    }

    /// @dev One more hit instead of a miss always raises the evidence.
    function testFuzz_hitsRaiseEvidence(uint8 hits, uint8 misses, uint64 seed) public pure {
        uint64 h = uint64(bound(seed, (1 << 32) + (1 << 20), 15 << 32));
        uint64 m = uint64(((16 << 32) - uint256(h)) / 15);
        uint256 more = uint256(hits) + 1;
        assertGt(
            int256(EValue.evidence(more, misses, h, m)),
            int256(EValue.evidence(hits, uint256(misses) + 1, h, m))
        );
    }
}
