// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Consensus } from "../../src/libraries/Consensus.sol";

/// @title Members' answers as `openLeaves` takes them
library Sheets {
    /// @dev Each different answer once, and whose it is; a member with empty tags did not reveal.
    function from(bytes[] memory tags)
        internal
        pure
        returns (bytes[] memory sheets, bytes memory sheetOf)
    {
        bytes[] memory found = new bytes[](tags.length);
        uint256 count;
        sheetOf = new bytes(tags.length);
        for (uint256 i; i < tags.length; ++i) {
            if (tags[i].length == 0) {
                sheetOf[i] = bytes1(uint8(Consensus.NO_SHEET));
                continue;
            }
            uint256 known;
            while (known < count && keccak256(found[known]) != keccak256(tags[i])) ++known;
            if (known == count) found[count++] = tags[i];
            sheetOf[i] = bytes1(uint8(known));
        }
        sheets = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            sheets[i] = found[i];
        }
    }
}
