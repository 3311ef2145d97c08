// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LibBit } from "solady/utils/LibBit.sol";

/// @title Bitmap of burned bundles, and the pick of one that is not burned yet
/// @dev The pick is exact: index `keccak(seed ‖ uint32 j) mod remaining` among the unburned
/// bundles in ascending order, where `remaining` counts those unburned before the j-th pick. See
/// `docs/formats.md`.
library Bundles {
    /// @notice Whether bundle `bundle` is burned.
    function isBurned(mapping(uint256 word => uint256 bits) storage burned, uint32 bundle)
        internal
        view
        returns (bool)
    {
        return burned[bundle >> 8] >> (bundle & 0xff) & 1 != 0;
    }

    /// @notice Picks and burns the `j`-th bundle of a draw.
    /// @param first first bundle of the part; @param end one past its last
    /// @param remaining number of unburned bundles of the part; must be right and positive
    function pick(
        mapping(uint256 word => uint256 bits) storage burned,
        uint256 first,
        uint256 end,
        uint256 remaining,
        bytes32 seed,
        uint32 j
    ) internal returns (uint32 bundle) {
        uint256 index = uint256(keccak256(abi.encodePacked(seed, j))) % remaining;
        for (uint256 word = first >> 8; word << 8 < end; ++word) {
            uint256 bits = burned[word];
            uint256 free = ~bits;
            uint256 from = word << 8;
            if (from < first) free &= type(uint256).max << (first - from);
            if (end - from < 256) free &= (uint256(1) << (end - from)) - 1;

            uint256 count = LibBit.popCount(free);
            if (index < count) {
                uint256 bit = select(free, index);
                burned[word] = bits | uint256(1) << bit;
                return uint32(from | bit);
            }
            index -= count;
        }
        // `remaining` was larger than the number of unburned bundles: a broken count must not pass
        // silently.
        assert(false);
    }

    /// @notice Position of the `n`-th (from 0) set bit of `bits`, which has more than `n` of them.
    function select(uint256 bits, uint256 n) internal pure returns (uint256 position) {
        for (uint256 width = 128; width != 0; width >>= 1) {
            uint256 low = LibBit.popCount(bits & ((uint256(1) << width) - 1));
            if (n >= low) {
                n -= low;
                bits >>= width;
                position += width;
            }
        }
    }
}
