// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Reads the header of a block since the merge
/// @notice Strict: one list of byte strings that fills the bytes exactly, with the lengths that a
/// header's fields have, and without a difficulty. Nothing is concluded from bytes that are not
/// the preimage of a block's hash.
library BlockHeader {
    /// @notice Not a list that fills the bytes.
    error BlockHeader_BadList(uint256 length);
    /// @notice The first eight fields, from the parent's hash to the difficulty, have other lengths
    /// than since the merge.
    error BlockHeader_BadStart();
    /// @notice The field of this number, from 0, is of another kind or length, or is cut off.
    error BlockHeader_BadField(uint256 field);

    uint256 private constant NUMBER = 8;
    uint256 private constant EXTRA_DATA = 12;
    uint256 private constant MIX_HASH = 13;
    uint256 private constant AFTER_NONCE = 15;
    /// @dev Where the number begins, as all before it have one length.
    uint256 private constant NUMBER_PLACE = 449;

    /// @notice Number and mix hash of a block.
    function read(bytes calldata header) internal pure returns (uint256 number, bytes32 mixHash) {
        uint256 length = header.length;
        // Two bytes of length: a header has more than 256 bytes by its bloom, and never 65,536.
        require(
            length > NUMBER_PLACE && header[0] == 0xf9 && uint16(bytes2(header[1:3])) == length - 3,
            BlockHeader_BadList(length)
        );
        // Before each string stands 0x80 and its length, before the bloom's 256 bytes 0xb9 and it.
        bool starts = header[3] == 0xa0 && header[36] == 0xa0 && header[69] == 0x94
            && header[90] == 0xa0 && header[123] == 0xa0 && header[156] == 0xa0
            && bytes3(header[189:192]) == 0xb90100 && header[448] == 0x80;
        require(starts, BlockHeader_BadStart());

        uint256 place = _next(header, NUMBER_PLACE, NUMBER, 32);
        number = _number(header[NUMBER_PLACE:place]);
        for (uint256 field = NUMBER + 1; field <= EXTRA_DATA; ++field) {
            place = _next(header, place, field, 32);
        }
        // The mix hash has 32 bytes, the nonce 8.
        bool fits = place + 42 <= length && header[place] == 0xa0 && header[place + 33] == 0x88;
        require(fits, BlockHeader_BadField(MIX_HASH));
        mixHash = bytes32(header[place + 1:place + 33]);
        place += 42;
        // What forks added: any strings.
        for (uint256 field = AFTER_NONCE; place < length; ++field) {
            place = _next(header, place, field, 55);
        }
    }

    /// @dev Where the string at `place`, of at most `max` and 55 bytes, ends: a byte below 0x80 is
    /// itself the string, before others stands 0x80 and their length.
    function _next(bytes calldata header, uint256 place, uint256 field, uint256 max)
        private
        pure
        returns (uint256 end)
    {
        require(place < header.length, BlockHeader_BadField(field));
        uint256 first = uint8(header[place]);
        // Sums of a byte's value and a length of calldata.
        unchecked {
            if (first < 0x80) return place + 1;
            end = place + first - 0x7f;
            require(first <= 0x80 + max && end <= header.length, BlockHeader_BadField(field));
        }
    }

    /// @dev Value of a string of at most 32 bytes.
    function _number(bytes calldata coded) private pure returns (uint256) {
        if (coded.length == 1) return coded[0] < 0x80 ? uint8(coded[0]) : 0;
        return uint256(bytes32(coded[1:])) >> 8 * (33 - coded.length);
    }
}
