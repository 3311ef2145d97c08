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

    /// @dev A slash: reporter, owner, and the rest that is burned. The subtraction can't fail, and nothing is lost.
    function check_twoSharesAndTheRest(uint128 slashed, uint16 reporter, uint16 owner)
        external
        pure
    {
        if (uint256(reporter) + owner > BPS) return;
        uint256 toReporter = Shares.part(slashed, reporter);
        uint256 toOwner = Shares.part(slashed, owner);
        assert(toReporter + toOwner <= slashed);
        uint256 burned = slashed - toReporter - toOwner;
        assert(toReporter + toOwner + burned == slashed);
    }

    /// @dev The owner's share among parents: never more than it, whatever their parts are.
    function check_parentsGetAtMostTheShare(uint128 share, uint16 a, uint16 b, uint16 c, uint16 d)
        external
        pure
    {
        if (uint256(a) + b + c + d > BPS) return;
        uint256 sum = uint256(Shares.part(share, a)) + Shares.part(share, b) + Shares.part(share, c)
            + Shares.part(share, d);
        assert(sum <= share);
    }

    /// @dev A claim: what the host gets and the owner's share are the whole, and less than a unit is rounded.
    function check_ownerLosesLessThanAUnit(uint128 total, uint16 bps) external pure {
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
