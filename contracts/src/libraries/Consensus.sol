// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What a committee agrees on, and who disagrees
library Consensus {
    /// @notice Members that must agree: two thirds of all drawn, rounded up.
    function quorum(uint256 committeeSize) internal pure returns (uint256) {
        return (2 * committeeSize + 2) / 3;
    }

    /// @notice Per question the tag that at least `needed` members gave, or 0 if there is none or it is 0; and who
    /// disagrees with that.
    /// @param memberTags 4·count bytes by member, or empty for a member that did not reveal
    /// @param needed more than half of the members, so that no two tags can reach it
    /// @return tags by question
    /// @return dissenters bit i: member i revealed and differs on more than half of the questions with a consensus.
    /// Decoys are among them, so a member that answers blindly is found out there.
    function judge(bytes[] calldata memberTags, uint256 count, uint256 needed)
        internal
        pure
        returns (bytes4[] memory tags, uint256 dissenters)
    {
        bytes32[] memory hashes = new bytes32[](memberTags.length);
        for (uint256 i; i < hashes.length; ++i) {
            hashes[i] = keccak256(memberTags[i]);
        }
        uint256 speaker = _speaker(hashes, needed);
        tags = speaker == hashes.length
            ? _count(memberTags, count, needed)
            : _read(memberTags[speaker], count);
        for (uint256 i; i < hashes.length; ++i) {
            // Who says what the consensus is can't differ from it.
            if (speaker != hashes.length && hashes[i] == hashes[speaker]) continue;
            if (_dissents(memberTags[i], tags)) dissenters |= 1 << i;
        }
    }

    /// @dev A member with whom, itself included, `needed` members agree on everything, or the number of members if
    /// there is none. An honest committee nearly always has one, and then nothing has to be counted.
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

    function _read(bytes calldata own, uint256 count) private pure returns (bytes4[] memory tags) {
        tags = new bytes4[](count);
        for (uint256 position; position < count; ++position) {
            tags[position] = _tagOf(own, position);
        }
    }

    function _count(bytes[] calldata memberTags, uint256 count, uint256 needed)
        private
        pure
        returns (bytes4[] memory tags)
    {
        tags = new bytes4[](count);
        // A tag of `needed` members is that of one among these first.
        uint256 candidates = memberTags.length - needed + 1;
        for (uint256 position; position < count; ++position) {
            for (uint256 i; i < candidates; ++i) {
                bytes4 tag = _tagOf(memberTags[i], position);
                if (tag != 0 && _votes(memberTags, i, position, tag) >= needed) {
                    tags[position] = tag;
                    break;
                }
            }
        }
    }

    function _votes(bytes[] calldata memberTags, uint256 from, uint256 position, bytes4 tag)
        private
        pure
        returns (uint256 votes)
    {
        for (uint256 i = from; i < memberTags.length; ++i) {
            if (_tagOf(memberTags[i], position) == tag) ++votes;
        }
    }

    function _dissents(bytes calldata own, bytes4[] memory tags) private pure returns (bool) {
        if (own.length == 0) return false;
        uint256 settled;
        uint256 different;
        for (uint256 position; position < tags.length; ++position) {
            bytes4 tag = tags[position];
            if (tag == 0) continue;
            ++settled;
            if (_tagOf(own, position) != tag) ++different;
        }
        return 2 * different > settled;
    }

    /// @dev A member's tag at a position; 0 for a member that did not reveal. The caller has checked that the length
    /// is 0 or 4·count, so this does not look again.
    function _tagOf(bytes calldata own, uint256 position) private pure returns (bytes4 tag) {
        if (own.length == 0) return 0;
        assembly ("memory-safe") {
            tag := and(calldataload(add(own.offset, shl(2, position))), shl(224, 0xffffffff))
        }
    }
}
