// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What a committee agrees on, and who disagrees
library Consensus {
    /// @notice Members that must agree: two thirds of all drawn, rounded up.
    function quorum(uint256 committeeSize) internal pure returns (uint256) {
        return (2 * committeeSize + 2) / 3;
    }

    /// @notice Per question the tag that at least `needed` members gave, or 0 if there is none or it is 0.
    /// @param memberTags 4·count bytes by member, or empty for a member that did not reveal
    /// @param needed more than half of the members, so that no two tags can reach it
    function agreed(bytes[] calldata memberTags, uint256 count, uint256 needed)
        internal
        pure
        returns (bytes4[] memory tags)
    {
        uint256 speaker = _speaker(memberTags, needed);
        tags = new bytes4[](count);
        // A tag of `needed` members is that of one among these first.
        uint256 candidates = memberTags.length - needed + 1;
        for (uint256 position; position < count; ++position) {
            if (speaker < memberTags.length) {
                tags[position] = tagOf(memberTags[speaker], position);
                continue;
            }
            for (uint256 i; i < candidates; ++i) {
                bytes4 tag = tagOf(memberTags[i], position);
                if (tag != 0 && _votes(memberTags, i, position, tag) >= needed) {
                    tags[position] = tag;
                    break;
                }
            }
        }
    }

    /// @notice Bit i: member i revealed and differs on more than half of the questions with a consensus.
    /// Decoys are among them, so a member that answers blindly is found out there.
    function dissenters(bytes[] calldata memberTags, bytes4[] memory tags)
        internal
        pure
        returns (uint256 mask)
    {
        for (uint256 i; i < memberTags.length; ++i) {
            if (memberTags[i].length == 0) continue;
            uint256 settled;
            uint256 different;
            for (uint256 position; position < tags.length; ++position) {
                if (tags[position] == 0) continue;
                ++settled;
                if (tagOf(memberTags[i], position) != tags[position]) ++different;
            }
            if (2 * different > settled) mask |= 1 << i;
        }
    }

    /// @notice A member's tag at a position; 0 for a member that did not reveal.
    /// @dev The caller has checked that the length is 0 or 4·count.
    function tagOf(bytes calldata tags, uint256 position) internal pure returns (bytes4 tag) {
        if (tags.length == 0) return 0;
        return bytes4(tags[4 * position:]);
    }

    /// @dev A member with whom, itself included, `needed` members agree on everything, or the number of members if
    /// there is none. An honest committee nearly always has one, and then nothing has to be counted.
    function _speaker(bytes[] calldata memberTags, uint256 needed) private pure returns (uint256) {
        uint256 size = memberTags.length;
        bytes32[] memory hashes = new bytes32[](size);
        for (uint256 i; i < size; ++i) {
            hashes[i] = keccak256(memberTags[i]);
        }
        for (uint256 i; i + needed <= size; ++i) {
            uint256 same;
            for (uint256 j = i; j < size; ++j) {
                if (hashes[j] == hashes[i]) ++same;
            }
            if (same >= needed) return i;
        }
        return size;
    }

    function _votes(bytes[] calldata memberTags, uint256 from, uint256 position, bytes4 tag)
        private
        pure
        returns (uint256 votes)
    {
        for (uint256 i = from; i < memberTags.length; ++i) {
            if (tagOf(memberTags[i], position) == tag) ++votes;
        }
    }
}
