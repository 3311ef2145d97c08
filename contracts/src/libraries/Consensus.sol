// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What a committee agrees on, and who disagrees
library Consensus {
    /// @notice Members that must agree: two thirds of all drawn, rounded up.
    function quorum(uint256 committeeSize) internal pure returns (uint256) {
        return (2 * committeeSize + 2) / 3;
    }

    /// @dev In `sheetOf`: the member did not reveal.
    uint256 internal constant NO_SHEET = 0xff;

    /// @notice Per question the tag that at least `needed` members gave, or 0 if there is none or
    /// it is 0; and who disagrees with that.
    /// @param sheets answers as revealed, 4·count bytes each; members that answered alike can share
    /// one
    /// @param sheetOf by member, one byte each: number of its sheet, or `NO_SHEET`. Numbers must be
    /// valid
    /// @param needed more than half of the members, so that no two tags can reach it
    /// @return tags by question
    /// @return dissenters bit i: member i revealed and differs on more than half of the questions
    /// with a consensus. Decoys are among them, so a member that answers blindly is found out
    /// there.
    function judge(bytes[] calldata sheets, bytes calldata sheetOf, uint256 count, uint256 needed)
        internal
        pure
        returns (bytes4[] memory tags, uint256 dissenters)
    {
        uint256 size = sheetOf.length;
        bytes32[] memory hashes = new bytes32[](size);
        uint256[] memory places = new uint256[](size);
        for (uint256 i; i < size; ++i) {
            uint256 sheet = uint8(sheetOf[i]);
            // Without a sheet there is the hash 0, which no sheet has.
            if (sheet == NO_SHEET) continue;
            hashes[i] = keccak256(sheets[sheet]);
            places[i] = _placeOf(sheets[sheet]);
        }
        uint256 speaker = _speaker(hashes, needed);
        tags = speaker == size ? _count(places, count, needed) : _read(places[speaker], count);
        for (uint256 i; i < size; ++i) {
            // Who says what the consensus is can't differ from it.
            if (speaker != size && hashes[i] == hashes[speaker]) continue;
            if (_dissents(places[i], tags)) dissenters |= 1 << i;
        }
    }

    /// @dev A member with whom, itself included, `needed` members agree on everything, or the
    /// number of members if there is none. An honest committee nearly always has one, and then
    /// nothing has to be counted.
    function _speaker(bytes32[] memory hashes, uint256 needed) private pure returns (uint256) {
        for (uint256 i; i + needed <= hashes.length; ++i) {
            uint256 same;
            for (uint256 j = i; j < hashes.length; ++j) {
                if (hashes[j] == hashes[i]) ++same;
            }
            if (same >= needed) return i;
        }
        return hashes.length;
    }

    function _read(uint256 place, uint256 count) private pure returns (bytes4[] memory tags) {
        tags = new bytes4[](count);
        if (place == 0) return tags;
        // As `_tagAt` for each position.
        assembly ("memory-safe") {
            let to := add(tags, 0x20)
            for { let end := add(to, shl(5, count)) } lt(to, end) { to := add(to, 0x20) } {
                mstore(to, and(calldataload(place), shl(224, 0xffffffff)))
                place := add(place, 4)
            }
        }
    }

    function _count(uint256[] memory places, uint256 count, uint256 needed)
        private
        pure
        returns (bytes4[] memory tags)
    {
        tags = new bytes4[](count);
        // A tag of `needed` members is that of one among these first.
        uint256 candidates = places.length - needed + 1;
        for (uint256 position; position < count; ++position) {
            for (uint256 i; i < candidates; ++i) {
                bytes4 tag = _tagAt(places[i], position);
                if (tag != 0 && _votes(places, i, position, tag) >= needed) {
                    tags[position] = tag;
                    break;
                }
            }
        }
    }

    /// @dev Members from the `from`-th on that gave `tag`.
    function _votes(uint256[] memory places, uint256 from, uint256 position, bytes4 tag)
        private
        pure
        returns (uint256 votes)
    {
        for (uint256 i = from; i < places.length; ++i) {
            if (_tagAt(places[i], position) == tag) ++votes;
        }
    }

    function _dissents(uint256 place, bytes4[] memory tags) private pure returns (bool) {
        if (place == 0) return false;
        uint256 settled;
        uint256 different;
        for (uint256 position; position < tags.length; ++position) {
            bytes4 tag = tags[position];
            if (tag == 0) continue;
            ++settled;
            if (_tagAt(place, position) != tag) ++different;
        }
        return 2 * different > settled;
    }

    /// @dev Where in the calldata a member's tags begin. Looked up once: the bounds checks of an
    /// array of arrays would cost more than the votes.
    function _placeOf(bytes calldata own) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := own.offset
        }
    }

    /// @dev A member's tag at a position, 0 for a member that did not reveal. The caller has
    /// checked that a sheet has 4·count bytes.
    function _tagAt(uint256 place, uint256 position) private pure returns (bytes4 tag) {
        if (place == 0) return 0;
        assembly ("memory-safe") {
            tag := and(calldataload(add(place, shl(2, position))), shl(224, 0xffffffff))
        }
    }
}
