// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../interfaces/IRounds.sol";
import { EValue } from "./EValue.sol";

/// @title What a round's sheets are worth, and what that does to a license's ledger
/// @notice Decision 023 has the rule and its proof; `ledger/` of the Rust bindings has the same
/// rule, and golden vectors hold both together.
library Judgment {
    /// @notice Leaves that each seat asks about.
    uint256 internal constant LEAVES = 8;

    /// @notice Rounds that a license can ever have of one kind: one for each word.
    uint8 internal constant INDICES = 64;

    /// @notice 1 in Q32.
    int64 private constant ONE = 1 << 32;

    /// @notice Seats that are struck: c = ⌊3N/5⌋, in a demo of four seats one.
    function struck(uint256 seats) internal pure returns (uint256) {
        return seats == 4 ? 1 : seats * 3 / 5;
    }

    /// @notice Hits of the seats that are left once those with most hits are struck.
    /// @param hits of each seat, at most `LEAVES`
    function keptHits(uint8[] memory hits) internal pure returns (uint256 kept) {
        uint256[9] memory seatsWith;
        for (uint256 i; i < hits.length; ++i) {
            ++seatsWith[hits[i]];
        }
        uint256 left = hits.length - struck(hits.length);
        for (uint256 each; each <= LEAVES; ++each) {
            uint256 taken = seatsWith[each] < left ? seatsWith[each] : left;
            kept += each * taken;
            left -= taken;
        }
    }

    /// @notice What a round adds before its premium: the evidence of the seats that are left, or
    /// nothing.
    function gain(uint256 kept, uint256 seats) internal pure returns (int64) {
        int64 evidence = EValue.evidence(kept, LEAVES * (seats - struck(seats)));
        return evidence > 0 ? evidence : int64(0);
    }

    /// @notice Bits that every index costs: one for the bet or no bet, one for each slot of the
    /// beacon that somebody may skip, and log2 of the deployments that may be named.
    function premium(uint8 biasBits, uint16 deployments) internal pure returns (int64) {
        int64 named = deployments == 0 ? int64(0) : EValue.log2Ceil(deployments);
        return (1 + int64(uint64(biasBits))) * ONE + named;
    }

    /// @notice Opens the round of an index: charges every index up to it that was not charged,
    /// adds the gain, and convicts if that reaches the threshold.
    /// @dev Whoever opens one round of many pays for all that could have been opened instead. After
    /// a conviction the evidence is spent, but what was charged and can still be opened stays
    /// charged: without its premium it would be free tries.
    function open(
        IRounds.Ledger memory before,
        uint8 index,
        int64 gained,
        int64 premium_,
        int64 threshold
    ) internal pure returns (IRounds.Ledger memory ledger, int64 reached, bool convicted) {
        uint8 due = index + 1;
        uint8 newly = due > before.charged ? due - before.charged : 0;
        ledger.charged = before.charged + newly;
        ledger.opened = before.opened | uint64(1) << index;
        reached = before.logA - int64(uint64(newly)) * premium_ + gained;
        convicted = reached >= threshold;
        ledger.logA = convicted ? -int64(uint64(_unopened(ledger))) * premium_ : reached;
    }

    /// @dev Indices that were charged and not opened.
    function _unopened(IRounds.Ledger memory ledger) private pure returns (uint8 count) {
        for (uint8 k; k < ledger.charged; ++k) {
            if (ledger.opened >> k & 1 == 0) ++count;
        }
    }
}
