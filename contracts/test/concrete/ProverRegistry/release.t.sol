// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_release is ProverTest {
    function test_revertWhen_noneOrTooMany() public {
        vm.expectRevert(IProverRegistry.ProverRegistry_NoTickets.selector);
        _leave(alice, 0, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_TooManyTickets.selector, 65, 64)
        );
        _leave(alice, 0, 65);
    }

    function test_revertWhen_notHeldByTheCaller() public {
        _join(alice, 1);
        _expectNotHeld(0, bob);
        _leave(bob, 0, 1);
        _expectNotHeld(1, alice);
        _leave(alice, 0, 2);
    }

    function test_revertWhen_ticketNamedTwice() public {
        _join(alice, 2);
        vm.expectRevert();
        vm.prank(alice);
        provers.release(new uint32[](2));
        _leave(alice, 0, 1);
        _expectNotHeld(0, alice);
        _leave(alice, 0, 1);
    }

    function test_startsTheThaw() public {
        _warm(alice, 3);
        uint40 thawEnd = _now() + THAW;
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketReleased(1, alice, false);
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketReleased(2, alice, false);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ThawStarted(alice, 2 * PRICE, thawEnd);
        _leave(alice, 1, 2);
        assertEq(provers.prover(alice).tickets, 1, "tickets");
        assertEq(provers.totalTickets(), 3, "places stay");
        assertEq(provers.ticket(1).validUntil, _now() + 1, "valid until");

        skip(1 days);
        _leave(alice, 0, 1);
        assertEq(provers.prover(alice).thawing, 3 * PRICE, "all of it thaws");
        assertEq(provers.prover(alice).thawEnd, thawEnd + 1 days, "anew");
    }

    function test_keepsSeatsOfRoundsSealedBefore() public {
        _warm(alice, 1);
        uint40 sealedAt = _now();
        _leave(alice, 0, 1);
        assertEq(provers.holderAt(0, sealedAt), alice, "this second's too");
        assertEq(provers.holderAt(0, sealedAt + 1), address(0), "not the next");
        skip(ROUND);
        assertEq(provers.holderAt(0, sealedAt), alice, "until the end of the round");
    }
}
