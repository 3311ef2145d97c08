// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TicketsHandler } from "../invariant/TicketsHandler.sol";
import { ProverTest } from "../utils/ProverTest.sol";

/// @dev Random lives of the registry from one seed, and the law of the draw.
contract TicketsFuzz is ProverTest {
    function testFuzz_seatsAndStake(bytes32 seed, uint8 steps) public {
        TicketsHandler handler = new TicketsHandler();
        handler.join(0, 8);
        handler.join(1, 4);
        for (uint256 i; i < 16 + steps % 48; ++i) {
            seed = keccak256(abi.encode(seed));
            _step(handler, uint256(seed));
        }
        handler.checkStake();
        handler.closesAllDeadPlaces();
        handler.everybodyLeaves();
    }

    function _step(TicketsHandler handler, uint256 x) private {
        uint256 kind = x % 12;
        x >>= 8;
        uint256 y = x >> 64;
        if (kind < 2) handler.join(x, y % 9);
        else if (kind == 2) handler.stayAlive(x);
        else if (kind < 5) handler.release(x, y, y & 1 == 0);
        else if (kind == 5) handler.evict(x);
        else if (kind < 8) handler.compact(x);
        else if (kind == 8) handler.withdraw(x);
        else if (kind < 11) handler.seal();
        else if (y & 3 == 0) handler.passLong(x);
        else handler.pass(x);
    }

    /// @dev A seat is `word % total`. Over `total` words that follow each other every place comes
    /// once, so each account has exactly as many seats as valid tickets, each dead place a vacant
    /// one: whatever the order in which people came and left.
    function testFuzz_drawIsUniformOverTickets(uint8 a, uint8 b, uint8 gone, uint256 first) public {
        uint32 ofAlice = uint32(bound(a, 1, 40));
        uint32 ofBob = uint32(bound(b, 1, 40));
        uint32 left = uint32(bound(gone, 0, ofAlice));
        _join(alice, ofAlice);
        _warm(bob, ofBob);
        if (left != 0) _leave(alice, ofAlice - left, left);
        _skipRound();
        uint32 steps = uint32(first % 64);
        if (steps != 0) provers.compact(steps);
        skip(1);

        uint32 total = provers.totalTickets();
        uint256 seatsOfAlice;
        uint256 seatsOfBob;
        first = bound(first, 0, type(uint256).max - total);
        for (uint256 i; i < total; ++i) {
            address holder = _holder(uint32((first + i) % total));
            if (holder == alice) ++seatsOfAlice;
            if (holder == bob) ++seatsOfBob;
        }
        assertEq(seatsOfAlice, ofAlice - left, "alice");
        assertEq(seatsOfBob, ofBob, "bob");
        assertLe(total, ofAlice + ofBob, "no new places");
    }
}
