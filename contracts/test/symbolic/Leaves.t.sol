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
            if (_tag(a, 0, place) == _tag(b, 0, place)) ++count;
        }
        assert(Leaves.equalTags(a, b) == count);
    }

    function _tag(bytes32 tags0, bytes32 tags1, uint8 place) private pure returns (uint32) {
        bytes32 word = place < 8 ? tags0 : tags1;
        return uint32(bytes4(word << (32 * uint256(place % 8))));
    }
}
