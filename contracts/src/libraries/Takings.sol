// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BPS } from "./Types.sol";

/// @title What a license has taken in lately, in one slot
/// @dev Evidence against a host can come for a settlement period after it has served, so what it
/// claimed within one must be covered by its collateral. Time is cut into periods of that length;
/// this period and the one before together contain every stretch of it. See
/// `docs/decisions/021-close-ratio-and-slash.md`.
library Takings {
    /// @param period number of the settlement period of the last claim: its time / its length
    /// @param before what was claimed in the period before that one
    /// @param current what was claimed in that one
    /// @param rest all that the license ever claimed, modulo `BPS`
    struct Account {
        uint40 period;
        uint96 before;
        uint96 current;
        uint16 rest;
    }

    /// @notice Moves an account on to a time: what is two periods old no longer counts.
    function moveTo(Account memory account, uint256 time, uint40 length) internal pure {
        uint256 period = time / length;
        if (account.period == period) return;
        account.before = uint256(account.period) + 1 == period ? account.current : 0;
        account.current = 0;
        account.period = uint40(period);
    }

    /// @notice What may be claimed on top, so that `takings * ratio <= collateral`.
    function room(Account memory account, uint256 collateral, uint16 ratioBps)
        internal
        pure
        returns (uint256)
    {
        uint256 limit = collateral * BPS / ratioBps;
        // A sum that its field holds; amounts of a channel have 96 bits, too.
        if (limit > type(uint96).max) limit = type(uint96).max;
        uint256 takings = uint256(account.before) + account.current;
        return limit > takings ? limit - takings : 0;
    }

    /// @notice Books a claim of at most `room`.
    function add(Account memory account, uint256 total) internal pure {
        account.current += uint96(total);
    }

    /// @notice A share of a claim, such that the shares of all claims add up to the share of their
    /// sum, rounded down once: however claims are cut, nobody gains a unit by it.
    function share(Account memory account, uint256 total, uint16 bps)
        internal
        pure
        returns (uint256 part)
    {
        uint256 sum = account.rest + total;
        part = sum * bps / BPS - uint256(account.rest) * bps / BPS;
        account.rest = uint16(sum % BPS);
    }
}
