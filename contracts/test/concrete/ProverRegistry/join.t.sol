// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import { NATIVE } from "../../../src/libraries/Types.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_join is ProverTest {
    function test_revertWhen_noTickets() public {
        vm.expectRevert(IProverRegistry.ProverRegistry_NoTickets.selector);
        _join(alice, 0);
    }

    function test_revertWhen_tooManyTickets() public {
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_TooManyTickets.selector, 65, 64)
        );
        _join(alice, 65);
    }

    function test_revertWhen_noKey() public {
        vm.expectRevert(IProverRegistry.ProverRegistry_NoEncryptionKey.selector);
        vm.prank(alice);
        provers.join(1, 0, INBOX);
    }

    function test_revertWhen_badInbox() public {
        vm.expectRevert(abi.encodeWithSelector(IProverRegistry.ProverRegistry_BadInbox.selector, 0));
        vm.prank(alice);
        provers.join(1, KEY, "");
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_BadInbox.selector, 257)
        );
        vm.prank(alice);
        provers.join(1, KEY, string(new bytes(257)));
        vm.prank(alice);
        provers.join(1, KEY, string(new bytes(256)));
    }

    function test_revertWhen_nativeForToken() public {
        vm.deal(alice, 1);
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 0));
        vm.prank(alice);
        provers.join{ value: 1 }(1, KEY, INBOX);
    }

    function test_revertWhen_wrongNativeValue() public {
        provers = new ProverRegistry(_config(NATIVE));
        vm.deal(alice, 10 * PRICE);
        vm.expectRevert(
            abi.encodeWithSelector(Currency.Currency_WrongValue.selector, PRICE, 2 * PRICE)
        );
        vm.prank(alice);
        provers.join{ value: PRICE }(2, KEY, INBOX);
        vm.prank(alice);
        provers.join{ value: 2 * PRICE }(2, KEY, INBOX);
        assertEq(address(provers).balance, 2 * PRICE, "stake");
    }

    function test_appendsTickets() public {
        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverAnnounced(alice, KEY, INBOX);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverAlive(alice, _now() + ALIVE);
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketTaken(0, alice, _now() + WARM_UP);
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketTaken(1, alice, _now() + WARM_UP);
        _join(alice, 2);

        assertEq(provers.totalTickets(), 2, "total");
        assertEq(token.balanceOf(address(provers)), 2 * PRICE, "stake");
        IProverRegistry.Prover memory p = provers.prover(alice);
        assertEq(p.encryptionKey, KEY, "key");
        assertEq(p.tickets, 2, "tickets");
        assertEq(p.aliveFrom, _now() + 1, "alive from the next second on");
        assertEq(p.aliveUntil, _now() + ALIVE, "alive until");
        assertEq(p.thawing, 0, "thawing");
        IProverRegistry.Ticket memory t = provers.ticket(1);
        assertEq(t.owner, alice, "owner");
        assertEq(t.validFrom, _now() + WARM_UP, "valid from");
        assertEq(t.validUntil, type(uint40).max, "held");
    }

    function test_addsToTickets() public {
        _warm(alice, 1);
        uint40 aliveFrom = provers.prover(alice).aliveFrom;
        _join(alice, 2);
        assertEq(provers.prover(alice).tickets, 3, "tickets");
        assertEq(provers.prover(alice).aliveFrom, aliveFrom, "no gap");
        assertEq(_holder(0), alice, "old ticket valid");
        assertEq(_holder(1), address(0), "new ticket warms up");
    }

    function test_fillsDeadPlacesInOrder() public {
        _warm(alice, 4);
        _leave(alice, 2, 1);
        _leave(alice, 0, 1);
        skip(ROUND + 1);
        // One second too early.
        _join(bob, 1);
        assertEq(provers.totalTickets(), 5, "appended");
        skip(1);
        _join(bob, 3);
        assertEq(provers.totalTickets(), 6, "two filled, one appended");
        assertEq(provers.ticket(2).owner, bob, "first released");
        assertEq(provers.ticket(0).owner, bob, "second released");
        assertEq(provers.ticket(1).owner, alice, "held");
    }

    function test_skipsOutdatedEntries() public {
        _warm(alice, 10);
        _leave(alice, 3, 7);
        _leave(alice, 0, 1);
        _skipRound();
        // Seven places are cut off at the end; their entries remain.
        provers.compact(7);
        assertEq(provers.totalTickets(), 3, "shortened");
        _join(bob, 1);
        assertEq(provers.ticket(3).owner, bob, "four skipped, then appended");
        _join(bob, 1);
        assertEq(provers.ticket(0).owner, bob, "three skipped, then filled");
        assertEq(provers.totalTickets(), 4, "total");
    }

    /// @dev Four and no more: what a ticket costs must not grow with what others left behind.
    function test_skipsNoFifthEntry() public {
        _warm(alice, 7);
        _leave(alice, 3, 4);
        _leave(alice, 0, 1);
        _skipRound();
        provers.compact(4);
        assertEq(provers.totalTickets(), 3, "shortened");
        _join(bob, 1);
        assertEq(provers.ticket(3).owner, bob, "four skipped, then appended");
        assertEq(provers.ticket(0).owner, alice, "the fifth was not looked at");
    }

    function test_fillsPlacesBehindTheEnd() public {
        _warm(alice, 4);
        _leave(alice, 0, 1);
        _skipRound();
        _leave(alice, 2, 1);
        provers.compact(1); // 3 -> 0
        provers.compact(1); // passes 2
        _skipRound();
        _join(bob, 1);
        assertEq(provers.ticket(2).owner, bob, "2 was first");
        // The end is behind it now: it can be moved again.
        _leave(alice, 1, 1);
        skip(ROUND + 2);
        provers.compact(64);
        assertEq(provers.ticket(1).owner, bob, "moved");
        _skipRound();
        provers.compact(64);
        assertEq(provers.totalTickets(), 2, "no dead places");
    }

    function test_fillsSeveralPlacesBehindTheEnd() public {
        _warm(alice, 4);
        _leave(alice, 0, 1);
        _skipRound();
        _leave(alice, 2, 1);
        provers.compact(2);
        _skipRound();
        _join(bob, 1);
        _join(bob, 1);
        assertEq(provers.ticket(3).owner, bob, "then 3");
        assertEq(provers.totalTickets(), 4, "total");
    }
}
