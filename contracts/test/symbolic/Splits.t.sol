// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Shares } from "../../src/libraries/Shares.sol";
import { BPS } from "../../src/libraries/Types.sol";

/// @dev No split makes or loses money, for every amount. Products of two unknowns, so
/// `scripts/symbolic.sh` gives these to a solver that reasons about integers instead of bits.
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

    /// @dev What is shared out for at most 100 % is at most the whole, so the rest is never
    /// negative: reporter and owner of a slash, parents of an owner's share. Takes of the shares
    /// only `sum * BPS <= product`, which is `check_losesLessThanAUnit` for one share, and
    /// `check_oneMoreShareKeepsTheBound` for any number of them; and of the product what
    /// `check_productsGrow` says of `amount * bps` and `amount * BPS`.
    function check_sumIsAtMostTheWhole(uint128 amount, uint152 product, uint136 sum) external pure {
        unchecked {
            if (product > uint256(amount) * BPS || uint256(sum) * BPS > product) return;
            assert(sum <= amount);
        }
    }

    /// @dev One more share: with the products as words of their own, of which `check_productsAddUp`
    /// is known, the step is linear. It is that of the loop over a model's parents, and of the
    /// owner's share after the reporter's.
    function check_oneMoreShareKeepsTheBound(
        uint136 sum,
        uint128 part,
        uint152 before,
        uint152 more
    ) external pure {
        unchecked {
            if (uint256(sum) * BPS > before || uint256(part) * BPS > more) return;
            assert((uint256(sum) + part) * BPS <= uint256(before) + more);
        }
    }

    /// @dev `before` and `more` above are products with the same amount.
    function check_productsAddUp(uint128 amount, uint16 bps, uint16 next) external pure {
        unchecked {
            uint256 both = uint256(bps) + next;
            assert(uint256(amount) * bps + uint256(amount) * next == uint256(amount) * both);
        }
    }

    /// @dev What follows by subtraction is exact: host, owner and parents get the total; reporter,
    /// owner and the fire get what was slashed. `check_sumIsAtMostTheWhole` and
    /// `check_shareIsAtMostTheWhole` give the bounds.
    function check_restsMakeTheWhole(uint128 total, uint128 share, uint128 parents) external pure {
        if (share > total || parents > share) return;
        uint128 toHost = total - share;
        uint128 toOwner = share - parents;
        assert(uint256(toHost) + toOwner + parents == total);
    }

    /// @dev A claim: what the host gets and the owner's share are the whole, and less than a unit
    /// is rounded.
    function check_losesLessThanAUnit(uint128 total, uint16 bps) external pure {
        if (bps > BPS) return;
        uint256 share = Shares.part(total, bps);
        assert(share * BPS <= uint256(total) * bps);
        assert(uint256(total) * bps < (share + 1) * BPS);
    }

    /// @dev More of either is never a smaller product.
    function check_productsGrow(uint128 less, uint128 more, uint16 few, uint16 many) external pure {
        if (less > more || few > many) return;
        unchecked {
            assert(uint256(less) * few <= uint256(more) * few);
            assert(uint256(less) * few <= uint256(less) * many);
        }
    }

    /// @dev More collateral is never a smaller slash: of the shares only what
    /// `check_losesLessThanAUnit` says is taken, of the products only `check_productsGrow`.
    function check_sharesGrow(uint152 less, uint152 more, uint128 part, uint128 other)
        external
        pure
    {
        unchecked {
            if (less > more || uint256(part) * BPS > less) return;
            if (more >= (uint256(other) + 1) * BPS) return;
            assert(part <= other);
        }
    }
}
