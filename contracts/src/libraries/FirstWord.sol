// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Tag of a response, where its text shows it without the tables of Unicode
library FirstWord {
    /// @notice First 4 bytes of `keccak` of the first run of ASCII letters and digits, or 0 if that
    /// may not be the whole first word.
    /// @dev Where this is not 0 it is the tag of `docs/formats.md`: normalisation changes no ASCII
    /// character, and what follows the word's end can't reach back across it. A byte above ASCII
    /// before that end could change the word, and a text that ends with the word may have been cut
    /// in its middle: both give 0, which is a miss.
    function tag(bytes memory text) internal pure returns (bytes4) {
        uint256 start;
        while (start < text.length && _kind(text[start]) == Kind.Other) ++start;
        uint256 end = start;
        while (end < text.length && _kind(text[end]) == Kind.Word) ++end;
        if (end == text.length || end == start || _kind(text[end]) == Kind.Unknown) return 0;
        bytes32 hash;
        assembly ("memory-safe") {
            hash := keccak256(add(add(text, 0x20), start), sub(end, start))
        }
        return bytes4(hash);
    }

    enum Kind {
        Other,
        Word,
        Unknown
    }

    function _kind(bytes1 character) private pure returns (Kind) {
        uint8 c = uint8(character);
        if (c >= 0x80) return Kind.Unknown;
        // Letters differ from their lower case in this one bit.
        uint8 letter = c | 0x20;
        bool isWord = (c >= 0x30 && c <= 0x39) || (letter >= 0x61 && letter <= 0x7a);
        return isWord ? Kind.Word : Kind.Other;
    }
}
