// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Takings } from "../../src/libraries/Takings.sol";
import { TestBase } from "../utils/TestBase.sol";

/// @dev The theorem of `docs/decisions/021-close-ratio-and-slash.md`: whatever an adversary claims
/// when, in every stretch of a settlement period it is at most the cover, and in n periods at most
/// n/2 + 1 times that.
contract TakingsFuzz is TestBase {
    using Takings for Takings.Account;

    uint256 private constant CLAIMS = 24;
    uint256 private constant COVER = 1000;

    function testFuzz_everyStretchOfAPeriodIsCovered(
        uint40 length,
        uint40[24] memory pauses,
        uint128[24] memory amounts
    ) public pure {
        length = uint40(bound(length, 1, 3650 days));
        (uint256[] memory times, uint256[] memory claimed) = _greedy(length, pauses, amounts);
        for (uint256 last = 0; last < CLAIMS; ++last) {
            for (uint256 periods = 1; periods < 8; ++periods) {
                uint256 sum;
                for (uint256 i = 0; i <= last; ++i) {
                    if (times[i] + periods * length > times[last]) sum += claimed[i];
                }
                assertLe(sum, COVER * (periods / 2 + 1), "more than is covered");
                if (periods == 1) assertLe(sum, COVER, "one period");
            }
        }
    }

    /// @dev Takes what it wants, as far as there is room.
    function _greedy(uint40 length, uint40[24] memory pauses, uint128[24] memory amounts)
        private
        pure
        returns (uint256[] memory times, uint256[] memory claimed)
    {
        (times, claimed) = (new uint256[](CLAIMS), new uint256[](CLAIMS));
        Takings.Account memory account;
        uint256 time = 1_800_000_000;
        for (uint256 i = 0; i < CLAIMS; ++i) {
            // Mostly around the borders of periods.
            time += pauses[i] % 3 == 0 ? pauses[i] % length : length - time % length - i % 2;
            account.moveTo(time, length);
            uint256 room = account.room(COVER, 10_000);
            claimed[i] = bound(amounts[i], 0, room);
            account.add(claimed[i]);
            times[i] = time;
        }
    }

    /// @dev The shares of claims add up to the share of their sum, however they are cut.
    function testFuzz_sharesAddUp(uint96[16] memory amounts, uint16 bps) public pure {
        bps = uint16(bound(bps, 0, 10_000));
        Takings.Account memory account;
        uint256 total;
        uint256 shares;
        for (uint256 i = 0; i < amounts.length; ++i) {
            // Half of them are dust.
            uint256 amount = i % 2 == 0 ? amounts[i] : amounts[i] % 7;
            uint256 part = account.share(amount, bps);
            assertLe(part, amount, "more than there is");
            total += amount;
            shares += part;
            assertEq(shares, total * bps / 10_000, "shares");
        }
    }
}
