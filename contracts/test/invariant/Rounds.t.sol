// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { IRounds } from "../../src/interfaces/IRounds.sol";
import { TestBase } from "../utils/TestBase.sol";
import { RoundHandler } from "./RoundHandler.sol";

/// @dev What holds of rounds, whatever payers, seats, owner and host do.
contract RoundInvariants is TestBase {
    RoundHandler private handler;
    IRounds private rounds;
    ICollateralVault private vault;

    function setUp() public {
        handler = new RoundHandler();
        handler.setUp();
        (rounds, vault,) = handler.core();
        bytes4[] memory selectors = new bytes4[](16);
        selectors[0] = handler.seal.selector;
        selectors[1] = handler.open.selector;
        selectors[2] = handler.answer.selector;
        selectors[3] = handler.answerGuilty.selector;
        selectors[4] = handler.collectLapsed.selector;
        selectors[5] = handler.burnFees.selector;
        selectors[6] = handler.moveTickets.selector;
        selectors[7] = handler.compact.selector;
        selectors[8] = handler.stayAlive.selector;
        selectors[9] = handler.moveDeployment.selector;
        selectors[10] = handler.hostLeaves.selector;
        selectors[11] = handler.wait.selector;
        selectors[12] = handler.waitForTheOpening.selector;
        selectors[13] = handler.waitLong.selector;
        selectors[14] = handler.playOut.selector;
        selectors[15] = handler.withdraw.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
        targetContract(address(handler));
    }

    /// @dev The handler gets to openings, convictions, fees and sweeps.
    function test_handlerReachesEverything() public {
        handler.playOut(0, 0, true, 0);
        assertTrue(handler.openings(false)[0].convicted, "convicted");
        assertEq(handler.collateralDue(), 20 ether, "slashed");
        // What was burned on the same day would be drawn again, and count as misses.
        handler.waitLong(1 days);
        handler.playOut(1, 0, false, 0);
        assertFalse(handler.openings(false)[1].convicted, "not convicted");
        handler.waitLong(1 days);
        handler.playOut(256, 0, true, 0);
        assertTrue(handler.openings(true)[0].convicted, "flagged");
        handler.withdraw(0);
        assertNotEq(handler.feesPaid(), 0, "paid");
        handler.seal(2, 0, 0);
        handler.waitLong(16 days - 1);
        uint256 credited = handler.feesCredited();
        handler.collectLapsed(0, 0);
        handler.burnFees();
        assertNotEq(handler.feesBurned(), 0, "burned");
        handler.seal(3, 0, 0);
        handler.answer(0, 0, 255);
        handler.waitLong(16 days - 1);
        for (uint256 k; k < 8; ++k) {
            handler.collectLapsed(0, k);
        }
        assertGt(handler.feesCredited(), credited, "of a lapsed round");
        invariant_feesAreConserved();
        invariant_ledgerFollowsFromTheOpenings();
        invariant_collateralLeavesByRule();
    }

    /// @dev J1: every fee that came in is paid, burned or there; none is paid twice; and what is
    /// owed is there.
    function invariant_feesAreConserved() public view {
        assertEq(handler.owed(), handler.feesCredited() - handler.feesPaid(), "owed");
        assertGe(handler.held(), handler.owed() + rounds.unearnedFees(), "covered");
        assertEq(
            handler.held() + handler.feesPaid() + handler.feesBurned(), handler.feesIn(), "fees"
        );
    }

    /// @dev J2: from the list of openings alone: gains since the last conviction, less the premium
    /// of every index up to the largest opened, but for those that a conviction has used up.
    function invariant_ledgerFollowsFromTheOpenings() public view {
        _assertLedger(false, 2 << 32);
        _assertLedger(true, 1 << 32);
    }

    function _assertLedger(bool leak, int64 premium) private view {
        RoundHandler.Opened[] memory openings = handler.openings(leak);
        int64 expected;
        int64 charged;
        uint64 opened;
        int64 spent;
        for (uint256 i; i < openings.length; ++i) {
            uint8 index = openings[i].index;
            assertEq(uint256(opened >> index & 1), 0, "an index is opened once");
            opened |= uint64(1) << index;
            if (int64(uint64(index)) + 1 > charged) charged = int64(uint64(index)) + 1;
            expected += openings[i].gain;
            if (openings[i].convicted) (expected, spent) = (0, int64(uint64(i)) + 1);
        }
        IRounds.Ledger memory ledger = rounds.ledger(handler.id(), leak);
        assertEq(int256(ledger.logA), int256(expected - (charged - spent) * premium), "logA");
        assertEq(int256(uint256(ledger.charged)), int256(charged), "charged");
        assertEq(uint256(ledger.opened), uint256(opened), "opened");
    }

    /// @dev J3: collateral leaves by a conviction or by its owner after the thaw, and not else.
    function invariant_collateralLeavesByRule() public view {
        uint256 left = vault.collateral(handler.ref_()).amount;
        assertEq(left, handler.collateralDue(), "collateral");
    }

    /// @dev J4: whoever held a seat when it was drawn holds it until the round is over, and nobody
    /// else.
    function invariant_seatsKeepTheirHolders() public view {
        uint256 count = handler.playCount();
        for (uint256 i; i < count; ++i) {
            (bytes32 atDraw, bytes32 now_, bool pending) = handler.holders(i);
            if (pending) assertEq(now_, atDraw, "holders");
        }
    }
}
