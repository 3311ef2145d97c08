// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_compact is ProverTest {
    function test_revertWhen_noneOrTooManySteps() public {
        vm.expectRevert(IProverRegistry.ProverRegistry_NoTickets.selector);
        provers.compact(0);
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_TooManyTickets.selector, 65, 64)
        );
        provers.compact(65);
    }

    function test_doesNothingWithoutDeadPlaces() public {
        provers.compact(64);
        _join(alice, 3);
        provers.compact(64);
        assertEq(provers.totalTickets(), 3, "total");
    }

    function test_waitsForPendingRounds() public {
        _warm(alice, 3);
        _leave(alice, 0, 1);
        _leave(alice, 2, 1);
        skip(ROUND + 1);
        provers.compact(64);
        assertEq(provers.totalTickets(), 3, "nothing yet");
        assertEq(_holder(1), alice, "not moved");
    }

    function test_shortens() public {
        _warm(alice, 4);
        _leave(alice, 2, 2);
        _skipRound();
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketsShrunk(2);
        provers.compact(64);
        assertEq(provers.totalTickets(), 2, "total");
    }

    function test_countsSteps() public {
        _warm(alice, 4);
        _leave(alice, 3, 1);
        _leave(alice, 0, 1);
        _skipRound();
        // One cuts 3 off, one drops its entry of the queue, one moves 2 to 0.
        provers.compact(2);
        assertEq(provers.ticket(2).validUntil, type(uint40).max, "not moved yet");
        provers.compact(1);
        assertEq(provers.ticket(0).validUntil, type(uint40).max, "moved");
    }

    function test_movesTheLastTicket() public {
        _warm(alice, 1);
        _warm(bob, 2);
        _leave(alice, 0, 1);
        _skipRound();
        uint40 sealedAt = _now();
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketMoved(2, 0, bob);
        provers.compact(1);
        assertEq(provers.holderAt(2, sealedAt), bob, "old place this second");
        assertEq(provers.holderAt(0, sealedAt), address(0), "new place not yet");
        assertEq(provers.holderAt(2, sealedAt + 1), address(0), "old place no more");
        assertEq(provers.holderAt(0, sealedAt + 1), bob, "new place next second");
        assertEq(provers.totalTickets(), 3, "shortened later");
        assertEq(provers.prover(bob).tickets, 2, "still two");

        _skipRound();
        provers.compact(64);
        assertEq(provers.totalTickets(), 2, "shortened");
        _leave(bob, 0, 2);
    }

    function test_keepsTheWarmUp() public {
        _warm(alice, 1);
        _leave(alice, 0, 1);
        skip(ROUND + 1);
        _join(bob, 1);
        uint40 validFrom = _now() + WARM_UP;
        skip(1);
        provers.compact(1);
        assertEq(provers.ticket(0).owner, bob, "moved");
        assertEq(provers.ticket(0).validFrom, validFrom, "warm-up goes on");
    }

    /// @dev Dead places alternate with held ones, the first released in front of the last one: the
    /// worst order for a queue whose head can lie behind the end.
    function test_closesEveryOrderOfDeadPlaces() public {
        _warm(alice, 20);
        for (uint32 i = 0; i < 10; ++i) {
            _leave(alice, i % 2 == 0 ? i : 18 - (i - 1), 1);
        }
        for (uint256 round; round < 4; ++round) {
            _skipRound();
            provers.compact(64);
        }
        assertEq(provers.totalTickets(), 10, "no dead places");
        _leave(alice, 0, 10);
    }

    function test_emptiesTheArray() public {
        _warm(alice, 3);
        _leave(alice, 0, 3);
        _skipRound();
        provers.compact(64);
        assertEq(provers.totalTickets(), 0, "empty");
        _join(bob, 2);
        assertEq(provers.totalTickets(), 2, "filled again");
    }
}
