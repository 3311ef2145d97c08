// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TestBase } from "../utils/TestBase.sol";
import { TicketsHandler } from "./TicketsHandler.sol";

/// @dev Tickets under any order of calls: seats of pending rounds, stake, and dead places.
contract TicketsInvariant is TestBase {
    TicketsHandler internal handler;

    function setUp() public {
        handler = new TicketsHandler();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = TicketsHandler.join.selector;
        selectors[1] = TicketsHandler.stayAlive.selector;
        selectors[2] = TicketsHandler.release.selector;
        selectors[3] = TicketsHandler.releaseNotHeld.selector;
        selectors[4] = TicketsHandler.evict.selector;
        selectors[5] = TicketsHandler.compact.selector;
        selectors[6] = TicketsHandler.withdraw.selector;
        selectors[7] = TicketsHandler.seal.selector;
        selectors[8] = TicketsHandler.pass.selector;
        selectors[9] = TicketsHandler.passLong.selector;
        targetSelector(FuzzSelector({ addr: address(handler), selectors: selectors }));
    }

    /// @dev Seats of pending rounds stay whose they were. (Each step checks it, too.)
    function invariant_seats() public view {
        handler.checkSeats();
    }

    /// @dev Stake is whole, and no place is held twice.
    function invariant_stake() public view {
        handler.checkStake();
    }

    /// @dev No dead place is lost to the queue, and all stake comes back.
    function afterInvariant() public {
        handler.closesAllDeadPlaces();
        handler.checkStake();
        handler.everybodyLeaves();
        handler.closesAllDeadPlaces();
    }
}
