// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Shares } from "../../src/libraries/Shares.sol";
import { BPS } from "../../src/libraries/Types.sol";

/// @dev No split makes or loses money, for every amount. Products of two unknowns, so `scripts/symbolic.sh` gives these
/// to a solver that reasons about integers instead of bits.
contract SymbolicSplits {
    /// @dev One share, as that of an owner or of a reporter.
    function check_shareIsAtMostTheWhole(uint128 amount, uint16 bps) external pure {
        if (bps > BPS) return;
        assert(Shares.part(amount, bps) <= amount);
    }

    /// @dev The whole is all of it, nothing is nothing.
    function check_theEnds(uint128 amount) external pure {
        assert(Shares.part(amount, BPS) == amount);
        assert(Shares.part(amount, 0) == 0);
    }

    /// @dev What is shared out for at most 100 % is at most the whole, so the rest is never negative: reporter and owner of a
    /// slash, parents of an owner's share. Takes of the shares only what `check_losesLessThanAUnit` proves of each:
    /// part · BPS ≤ amount · bps. Such inequalities add up: (p + q) · BPS ≤ amount · (a + b).
    function check_sumIsAtMostTheWhole(uint128 amount, uint16 bps, uint136 sum) external pure {
        unchecked {
            if (bps > BPS || uint256(sum) * BPS > uint256(amount) * bps) return;
            assert(sum <= amount);
        }
    }

    /// @dev A claim: what the host gets and the owner's share are the whole, and less than a unit is rounded.
    function check_losesLessThanAUnit(uint128 total, uint16 bps) external pure {
        if (bps > BPS) return;
        uint256 share = Shares.part(total, bps);
        assert(share * BPS <= uint256(total) * bps);
        assert(uint256(total) * bps < (share + 1) * BPS);
    }

    /// @dev More collateral is never a smaller slash.
    function check_sharesGrow(uint128 less, uint128 more, uint16 bps) external pure {
        if (less > more) return;
        if (bps > BPS) return;
        assert(Shares.part(less, bps) <= Shares.part(more, bps));
    }
}
