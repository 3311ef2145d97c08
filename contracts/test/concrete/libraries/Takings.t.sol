// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Takings } from "../../../src/libraries/Takings.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract TakingsTest is TestBase {
    using Takings for Takings.Account;

    uint40 private constant LENGTH = 100;

    function _at(uint256 time) private pure returns (Takings.Account memory account) {
        account = Takings.Account({ period: 7, before: 20, current: 30, rest: 5 });
        account.moveTo(time, LENGTH);
    }

    function _sum(Takings.Account memory account) private pure returns (uint256) {
        return 1000 - account.room(1000, 10_000);
    }

    function test_keepsThisPeriodAndTheOneBefore() public pure {
        assertEq(_sum(_at(700)), 50, "its first second");
        assertEq(_sum(_at(799)), 50, "its last");
        assertEq(_sum(_at(800)), 30, "the next one");
        assertEq(_sum(_at(899)), 30);
        assertEq(_sum(_at(900)), 0, "two later");
        assertEq(_sum(_at(2000)), 0, "long after");
        assertEq(_at(2000).rest, 5, "the rest never settles");
        assertEq(_at(850).period, 8);
    }

    function test_booksIntoThisPeriod() public pure {
        Takings.Account memory account = _at(850);
        account.add(12);
        assertEq(account.current, 12);
        assertEq(account.before, 30);
        assertEq(account.room(100, 10_000), 58);
    }

    function test_leavesNoRoomAboveTheCover() public pure {
        Takings.Account memory account = _at(700);
        assertEq(account.room(50, 10_000), 0, "all is used");
        assertEq(account.room(0, 10_000), 0, "no collateral");
        assertEq(account.room(101, 20_000), 0, "rounded down, against the host");
        assertEq(account.room(102, 20_000), 1);
        assertEq(account.room(60, 5000), 70, "half of the cover will do");
        assertEq(
            account.room(type(uint96).max, 1), type(uint96).max - uint256(50), "what a field holds"
        );
    }

    function test_sharesCarryTheirRest() public pure {
        Takings.Account memory account;
        // A third, twice of one unit and once of a hundred.
        assertEq(account.share(1, 3333), 0);
        assertEq(account.share(1, 3333), 0);
        assertEq(account.share(100, 3333), 33, "of 102 in all 33.9966");
        assertEq(account.rest, 102);
        assertEq(account.share(1, 3333), 1, "of 103 34.3");
        assertEq(account.share(20_000, 10_000), 20_000, "all of it");
        assertEq(account.share(20_000, 0), 0, "none of it");
        assertEq(account.rest, (103 + 40_000) % 10_000);
    }
}
