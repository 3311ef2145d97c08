// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../src/libraries/Bundles.sol";
import { EValue } from "../../src/libraries/EValue.sol";

/// @dev For every input, by `scripts/symbolic.sh`; forge does not run functions named `check…`.
contract SymbolicEValue {
    uint256 private constant ONE = 1 << 32;

    /// @dev The multipliers that offers get by default: hit rate 0.6 of the personal part.
    uint64 private constant HIT = 41_231_686_041;
    uint64 private constant MISS = 1_832_519_379;

    /// @dev A hit raises the evidence and a miss lowers it, whatever was seen before.
    function check_hitRaisesMissLowers(uint16 hits, uint16 misses) external pure {
        int64 before = EValue.evidence(hits, misses, HIT, MISS);
        assert(EValue.evidence(uint256(hits) + 1, misses, HIT, MISS) > before);
        assert(EValue.evidence(hits, uint256(misses) + 1, HIT, MISS) < before);
    }

    /// @dev Whoever has one hit more among as many questions, of which there are at most 255, has
    /// more evidence.
    function check_moreHitsMoreEvidence(uint8 questions, uint8 hits) external pure {
        if (hits >= questions) return;
        int64 low = EValue.evidence(hits, questions - hits, HIT, MISS);
        assert(EValue.evidence(uint256(hits) + 1, questions - hits - 1, HIT, MISS) > low);
    }

    /// @dev Valid multipliers have a mean of at most 1 for an innocent host, and lie on both sides
    /// of 1.
    function check_validMeansBounded(uint64 h, uint64 m, uint16 p) external pure {
        if (!EValue.isValid(h, m, p, 65_536)) return;
        assert(h > ONE && m < ONE && m > 0 && p > 0);
        assert(uint256(p) * h + (65_536 - uint256(p)) * m <= 65_536 * ONE);
    }

    /// @dev Weaker multipliers of the personal part stay valid.
    function check_weakerStaysValid(uint64 h, uint64 m, uint64 weaker) external pure {
        if (!EValue.isValid(h, m, 1, 16) || weaker > h || weaker <= ONE) return;
        assert(EValue.isValid(weaker, m, 1, 16));
    }
}

contract SymbolicBundles {
    /// @dev The n-th set bit of 8 bits: it is set, and n set bits lie below it.
    function check_selectsTheNthBit(uint8 bits, uint8 n) external pure {
        if (n >= _ones(bits)) return;
        uint256 position = Bundles.select(bits, n);
        assert(position < 8);
        assert(uint256(bits) >> position & 1 == 1);
        assert(_ones(uint8(bits & ((uint256(1) << position) - 1))) == n);
    }

    function _ones(uint8 bits) private pure returns (uint256 count) {
        for (uint256 i; i < 8; ++i) {
            count += bits >> i & 1;
        }
    }
}
