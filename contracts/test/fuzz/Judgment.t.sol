// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { EValue } from "../../src/libraries/EValue.sol";
import { Judgment } from "../../src/libraries/Judgment.sol";
import { TestBase } from "../utils/TestBase.sol";

/// @dev The verdict of rounds against plain second implementations: sort and sum, and a list.
contract JudgmentFuzz is TestBase {
    uint8[5] private sizes = [4, 8, 16, 24, 32];
    uint8[5] private struck = [1, 4, 9, 14, 19];

    /// @dev What an index costs with two deployments and no bias of the beacon.
    int64 private constant PREMIUM = 2 << 32;

    /// @dev Of the list of openings.
    /// @param gains since the last conviction
    /// @param spent openings until then
    /// @param count of all openings
    /// @param charged one more than the largest index
    struct Plain {
        int64 gains;
        int64 spent;
        int64 count;
        int64 charged;
    }

    function _hits(uint256 seed, uint256 seats, uint256 max)
        private
        pure
        returns (uint8[] memory hits)
    {
        hits = new uint8[](seats);
        for (uint256 i; i < seats; ++i) {
            hits[i] = uint8(uint256(keccak256(abi.encode(seed, i))) % (max + 1));
        }
    }

    /// @dev Sum of the smallest `left` of them.
    function _sortAndSum(uint8[] memory hits, uint256 left) private pure returns (uint256 sum) {
        for (uint256 i; i < hits.length; ++i) {
            for (uint256 j = i + 1; j < hits.length; ++j) {
                if (hits[j] < hits[i]) (hits[i], hits[j]) = (hits[j], hits[i]);
            }
            if (i < left) sum += hits[i];
        }
    }

    function testFuzz_keptHits(uint256 seed, uint8 size, uint8 max) public view {
        uint256 k = size % 5;
        uint8[] memory hits = _hits(seed, sizes[k], max % 9);
        uint256 left = sizes[k] - struck[k];
        uint256 kept = Judgment.keptHits(hits);
        assertEq(kept, _sortAndSum(hits, left), "the smallest");
        assertLe(kept, 8 * left, "no more than they asked");
        int64 evidence = EValue.evidence(kept, 8 * left);
        int256 expected = evidence < 0 ? int256(0) : int256(evidence);
        assertEq(int256(Judgment.gain(kept, sizes[k])), expected, "never below nothing");
    }

    /// @dev As many seats as are struck may say what they like: what is kept is at most what the
    /// others have, whoever is struck.
    function testFuzz_hostileSeatsAddNothing(uint256 seed, uint8 size, uint256 who) public view {
        uint256 k = size % 5;
        uint8[] memory honest = _hits(seed, sizes[k], 8);
        uint256 truth;
        uint8[] memory told = new uint8[](sizes[k]);
        uint256 start = who % sizes[k];
        for (uint256 i; i < told.length; ++i) {
            bool lies = (i + sizes[k] - start) % sizes[k] < struck[k];
            told[i] = lies ? uint8(uint256(keccak256(abi.encode(who, i))) % 9) : honest[i];
            if (!lies) truth += honest[i];
        }
        assertLe(Judgment.keptHits(told), truth, "no more than the honest seats' hits");
    }

    /// @dev The order of seats is of no matter.
    function testFuzz_orderOfSeats(uint256 seed, uint8 size, uint256 a, uint256 b) public view {
        uint8[] memory hits = _hits(seed, sizes[size % 5], 8);
        uint256 before = Judgment.keptHits(hits);
        (a, b) = (a % hits.length, b % hits.length);
        (hits[a], hits[b]) = (hits[b], hits[a]);
        assertEq(Judgment.keptHits(hits), before, "the same");
    }

    /// @dev Openings in any order, also after convictions, against a list of all of them: gains
    /// since the last conviction, less the premium of each index up to the largest opened, but for
    /// those that were opened until that conviction.
    function testFuzz_ledger(uint256 seed, uint8 rounds) public pure {
        Plain memory plain;
        IRounds.Ledger memory ledger;
        for (uint256 i; i < rounds; ++i) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            uint8 index = uint8(word % 64);
            if (ledger.opened >> index & 1 != 0) continue;
            int64 gain = word >> 8 & 3 == 0 ? int64(0) : int64(uint64((word >> 16) % (16 << 32)));
            ledger = _step(plain, ledger, index, gain);
        }
    }

    /// @dev Opens and compares with the list.
    function _step(Plain memory plain, IRounds.Ledger memory before, uint8 index, int64 gain)
        private
        pure
        returns (IRounds.Ledger memory ledger)
    {
        int64 threshold = EValue.log2Ceil(1e9);
        int64 reached;
        bool convicted;
        (ledger, reached, convicted) = Judgment.open(before, index, gain, PREMIUM, threshold);
        plain.gains += gain;
        ++plain.count;
        if (int64(uint64(index)) + 1 > plain.charged) {
            plain.charged = int64(uint64(index)) + 1;
            assertLe(int256(reached), int256(before.logA) + gain - PREMIUM, "a premium at least");
        }
        int256 expected = plain.gains - (plain.charged - plain.spent) * PREMIUM;
        assertEq(int256(reached), expected, "reached");
        assertEq(convicted, reached >= threshold, "convicted at the threshold");
        if (convicted) (plain.gains, plain.spent) = (0, plain.count);
        expected = plain.gains - (plain.charged - plain.spent) * PREMIUM;
        assertEq(int256(ledger.logA), expected, "logA");
        assertEq(int256(uint256(ledger.charged)), int256(plain.charged), "charged");
    }

    /// @dev Which of several rounds an owner opens, and in which order: never more than all gains
    /// less a premium for each index that it could choose from.
    function testFuzz_choiceIsPaid(uint256 seed, uint64 mask) public pure {
        IRounds.Ledger memory ledger;
        int64 gains;
        uint8 last;
        for (uint8 k; k < 64; ++k) {
            uint8 index = uint8((uint256(k) * 37 + seed % 64) % 64);
            if (mask >> index & 1 == 0) continue;
            int64 gain = int64(uint64(uint256(keccak256(abi.encode(seed, k))) % (1 << 33)));
            gains += gain;
            if (index > last) last = index;
            (ledger,,) = Judgment.open(ledger, index, gain, PREMIUM, type(int64).max);
        }
        if (mask == 0) return;
        int256 expected = int256(gains) - (int256(uint256(last)) + 1) * PREMIUM;
        assertEq(int256(ledger.logA), expected, "the order is of no matter");
        assertEq(uint256(ledger.opened), uint256(mask), "opened");
    }

    function testFuzz_premium(uint8 biasBits, uint16 deployments) public pure {
        int256 premium = Judgment.premium(biasBits, deployments);
        int256 base = (1 + int256(uint256(biasBits))) << 32;
        assertGe(premium, base, "one bit for the bet");
        assertEq(Judgment.premium(biasBits, 0), base, "none named");
        if (deployments < 2) return;
        int256 named = premium - base;
        // 2^⌊log2⌋ ≤ deployments ≤ 2^⌈log2⌉.
        assertGe(named, int256(1) << 32, "a bit for two");
        assertLe(named, int256(16) << 32, "of 65,536 at most");
    }
}
