// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Evidence as an e-value, in base-2 logarithms of 32 fractional bits
/// @notice Each observation multiplies the evidence by `h` (hit) or `m` (miss). With
/// `p0·h + (1−p0)·m ≤ 1` an innocent's evidence has expectation ≤ 1 at every time, so by
/// Ville's
/// inequality it ever reaches `1/α` with probability at most `α`.
/// @dev Every step truncates, so a logarithm never exceeds the true one: that favours the accused.
/// `docs/formats.md` fixes each step; Rust computes the same bits.
library EValue {
    /// @notice 1 in Q32.
    uint256 internal constant ONE = 1 << 32;

    /// @dev Integers up to this one, taken as Q32, still fit into the 128 bits of the squaring.
    uint256 private constant MAX_INTEGER = (1 << 95) - 1;

    /// @notice Multipliers of the one bet, tuned to a hit rate of 0.4 against 1/16: h = 6.4 and m =
    /// 0.64, rounded down. With several bets to choose from, whoever buys seats after the draw
    /// convicts an innocent (decision 023).
    uint64 internal constant HIT = 27_487_790_694;
    uint64 internal constant MISS = 2_748_779_069;

    /// @dev `log2Floor` of both.
    int64 private constant LOG2_HIT = 11_502_231_248;
    int64 private constant LOG2_MISS = -2_765_341_280;

    error EValue_LogOfZero();
    error EValue_IntegerTooLarge(uint256 integer);

    /// @notice Base-2 logarithm of a Q32 value, rounded towards minus infinity; 32 fractional bits.
    function log2Floor(uint64 x) internal pure returns (int64) {
        require(x != 0, EValue_LogOfZero());
        return _log2(x);
    }

    /// @notice Base-2 logarithm of a whole number, rounded up; 32 fractional bits.
    function log2Ceil(uint256 integer) internal pure returns (int64 result) {
        require(integer != 0, EValue_LogOfZero());
        require(integer <= MAX_INTEGER, EValue_IntegerTooLarge(integer));
        result = _log2(integer << 32);
        if (integer & (integer - 1) != 0) result += 1;
    }

    /// @notice Evidence of `hits` among `leaves`, of which all others are misses.
    function evidence(uint256 hits, uint256 leaves) internal pure returns (int64) {
        // Counts are at most 256 and logarithms below 2^39: no overflow.
        return int64(uint64(hits)) * LOG2_HIT + int64(uint64(leaves - hits)) * LOG2_MISS;
    }

    /// @dev `x` is Q32, 0 < x < 2^127. One squaring yields one bit of the fraction.
    function _log2(uint256 x) private pure returns (int64) {
        uint256 n = _topBit(x);
        uint256 r = x << (127 - n);
        uint256 fraction;
        for (uint256 i; i < 32; ++i) {
            r = (r * r) >> 127;
            uint256 bit = r >> 128;
            r >>= bit;
            fraction = (fraction << 1) | bit;
        }
        return (int64(uint64(n)) - 32) * int64(uint64(ONE)) + int64(uint64(fraction));
    }

    /// @dev Position of the highest set bit of `x`, 0 < x < 2^128.
    function _topBit(uint256 x) private pure returns (uint256 n) {
        for (uint256 width = 64; width != 0; width >>= 1) {
            if (x >> width != 0) {
                x >>= width;
                n += width;
            }
        }
    }
}
