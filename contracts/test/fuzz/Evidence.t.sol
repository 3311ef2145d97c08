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

    /// @dev One more hit instead of a miss always raises the evidence, one more miss lowers it.
    function testFuzz_hitsRaiseEvidence(uint8 hits, uint8 misses) public pure {
        uint256 leaves = uint256(hits) + misses;
        int256 before = EValue.evidence(hits, leaves);
        assertGt(int256(EValue.evidence(uint256(hits) + 1, leaves + 1)), before, "a hit");
        assertLt(int256(EValue.evidence(hits, leaves + 1)), before, "a miss");
        if (misses != 0) {
            assertGt(int256(EValue.evidence(uint256(hits) + 1, leaves)), before, "instead");
        }
    }

    /// @dev Whatever is added is added: evidence of two rounds is that of both together.
    function testFuzz_evidenceAddsUp(uint8 hits, uint8 misses, uint8 more, uint8 fewer)
        public
        pure
    {
        int256 first = EValue.evidence(hits, uint256(hits) + misses);
        int256 second = EValue.evidence(more, uint256(more) + fewer);
        uint256 all = uint256(hits) + more;
        assertEq(int256(EValue.evidence(all, all + misses + fewer)), first + second);
    }
}
