// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Days on which bundles were burned, and the draw of bundles that a round opens
/// @dev Sixteen days of 16 bits in a word; day 0 stands for a bundle that is not burned.
library Bundles {
    /// @notice A draw gives up after so many candidates: a universe that is nearly used up must not
    /// make openings cost more than a block.
    uint256 internal constant MAX_TRIES = 1024;

    /// @notice Day of a time, counted from 1970.
    function dayOf(uint256 time) internal pure returns (uint16) {
        return uint16(time / 1 days);
    }

    /// @notice Day on which the bundle was burned, or 0.
    function burnedOn(mapping(uint256 word => uint256 days16) storage burned, uint32 bundle)
        internal
        view
        returns (uint16)
    {
        return uint16(burned[bundle / 16] >> (bundle % 16 * 16));
    }

    /// @notice Notes the day for a bundle that is not burned yet.
    function burn(mapping(uint256 word => uint256 days16) storage burned, uint32 bundle, uint16 day)
        internal
    {
        burned[bundle / 16] |= uint256(day) << (bundle % 16 * 16);
    }

    /// @notice The first `wanted` different numbers among `keccak(seed ‖ uint32 t) mod count`, t =
    /// 0, 1, 2 …, that were not burned on a day before `day`. Fewer if `MAX_TRIES` yield no more.
    /// @dev By rejection and not by rank among the unburned: what is burned after the draw then
    /// moves nothing else.
    function draw(
        mapping(uint256 word => uint256 days16) storage burned,
        bytes32 seed,
        uint32 count,
        uint256 wanted,
        uint16 day
    ) internal view returns (uint32[] memory bundles) {
        uint32[] memory found = new uint32[](wanted);
        uint256 length;
        for (uint32 t; t < MAX_TRIES && length < wanted; ++t) {
            uint32 bundle = uint32(uint256(keccak256(abi.encodePacked(seed, t))) % count);
            uint16 burnedDay = burnedOn(burned, bundle);
            if (burnedDay != 0 && burnedDay < day) continue;
            if (_has(found, length, bundle)) continue;
            found[length++] = bundle;
        }
        bundles = new uint32[](length);
        for (uint256 j; j < length; ++j) {
            bundles[j] = found[j];
        }
    }

    function _has(uint32[] memory found, uint256 length, uint32 bundle)
        private
        pure
        returns (bool)
    {
        for (uint256 j; j < length; ++j) {
            if (found[j] == bundle) return true;
        }
        return false;
    }
}
