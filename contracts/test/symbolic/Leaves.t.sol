// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Leaves } from "../../src/libraries/Leaves.sol";

/// @dev The check of a leaf's tags works on eight at once; here it is compared with the sentence it
/// stands for.
contract SymbolicLeaves {
    /// @dev Accepted tags are above 0 and strictly increase, at every place.
    function check_acceptedTagsIncrease(bytes32 tags0, bytes32 tags1, uint8 place) external pure {
        if (!Leaves.tagsValid(tags0, tags1) || place >= 15) return;
        uint32 here = _tag(tags0, tags1, place);
        assert(here > 0);
        assert(_tag(tags0, tags1, place + 1) > here);
    }

    /// @dev Refused tags break the rule somewhere.
    function check_refusedTagsDoNot(bytes32 tags0, bytes32 tags1) external pure {
        if (Leaves.tagsValid(tags0, tags1)) return;
        bool increasing = _tag(tags0, tags1, 0) > 0;
        for (uint8 place; place < 15; ++place) {
            increasing = increasing && _tag(tags0, tags1, place + 1) > _tag(tags0, tags1, place);
        }
        assert(!increasing);
    }

    /// @dev A tag is read from where the format has it.
    function check_tagIsAtItsPlace(bytes32 tags0, bytes32 tags1, uint8 place) external pure {
        if (place >= 16) return;
        assert(uint32(Leaves.tagAt(tags0, tags1, place)) == _tag(tags0, tags1, place));
    }

    /// @dev Eight tags compared at once are eight comparisons.
    function check_equalTagsAreCounted(bytes32 a, bytes32 b) external pure {
        uint256 count;
        for (uint8 place; place < 8; ++place) {
            (uint32 one, uint32 other) = (_tag(a, 0, place), _tag(b, 0, place));
            // Without a branch: the proof would else go through every combination.
            assembly ("memory-safe") {
                count := add(count, eq(one, other))
            }
        }
        assert(Leaves.equalTags(a, b) == count);
    }

    /// @dev Half of sixteen words is hashed as if it were encoded by itself.
    function check_halvesAreHashedAsTheyStand(bytes32[16] memory words, bool second) external pure {
        uint256 half = second ? 1 : 0;
        bytes32[8] memory plain;
        for (uint256 i; i < 8; ++i) {
            plain[i] = words[8 * half + i];
        }
        assert(Leaves.hashOfHalf(words, half) == keccak256(abi.encode(plain)));
    }

    function _tag(bytes32 tags0, bytes32 tags1, uint8 place) private pure returns (uint32) {
        bytes32 word = place < 8 ? tags0 : tags1;
        return uint32(bytes4(word << (32 * uint256(place % 8))));
    }
}
