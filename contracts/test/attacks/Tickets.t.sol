// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { Currency } from "../../src/libraries/Currency.sol";
import { NATIVE } from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { ProverTest } from "../utils/ProverTest.sol";
import { BlockingToken } from "../utils/tokens/BlockingToken.sol";
import { FalseToken } from "../utils/tokens/FalseToken.sol";
import { FeeToken } from "../utils/tokens/FeeToken.sol";
import { MissingReturnToken } from "../utils/tokens/MissingReturnToken.sol";
import { MoodyToken } from "../utils/tokens/MoodyToken.sol";
import { ReentrantToken } from "../utils/tokens/ReentrantToken.sol";

/// @dev Attacks on tickets and their stake. Each fails; the comment names the defence. Alice is
/// honest; the others are the adversary.
contract TicketAttacks is ProverTest {
    // ---- Seats

    /// @dev Defence: dead places are closed by anybody, two rounds after they died at the latest,
    /// and the adversary's stake is locked until then (`thawPeriod >= roundLength`).
    function test_attack_mostTicketsLeaveAndLetTheirPlacesRot() public {
        _join(alice, 20);
        _warm(bob, 60);
        _leave(bob, 20, 60);
        uint40 left = _now();
        _skipRound();
        provers.compact(60);
        assertEq(provers.totalTickets(), 20, "only honest places");
        assertGt(provers.prover(bob).thawEnd, left + ROUND, "stake locked meanwhile");
    }

    /// @dev The same with dead places in front and in between. Defence: the last tickets move
    /// there.
    function test_attack_deadPlacesInFront() public {
        for (uint256 i; i < 20; ++i) {
            _join(bob, 3);
            _join(alice, 1);
        }
        for (uint32 i; i < 20; ++i) {
            _leave(bob, 4 * i, 3);
        }
        skip(WARM_UP);
        provers.compact(64);
        provers.compact(64);
        _skipRound();
        provers.compact(64);
        provers.compact(64);
        assertEq(provers.totalTickets(), 20, "only honest places");
        for (uint32 i; i < 20; ++i) {
            assertEq(_holder(i), alice, "all of them");
        }
    }

    /// @dev Defence: a ticket counts only after its warm-up, which is at least a second; the round
    /// has noted `totalTickets`.
    function test_attack_joinsAfterTheSeed() public {
        _warm(alice, 4);
        _leave(alice, 0, 1);
        _skipRound();
        uint40 sealedAt = _now();
        _join(bob, 10);
        assertEq(provers.ticket(0).owner, bob, "took a dead place");
        assertEq(provers.holderAt(0, sealedAt), address(0), "its seat stays vacant");
        skip(ROUND);
        assertEq(provers.holderAt(0, sealedAt), address(0), "until the end");
    }

    /// @dev Defence: a place gets no other holder as long as a round of the last one may be
    /// pending.
    function test_attack_takesTheSeatOfWhoLeft() public {
        _warm(alice, 1);
        uint40 sealedAt = _now();
        _leave(alice, 0, 1);
        skip(ROUND);
        _join(bob, 1);
        provers.compact(64);
        assertEq(provers.ticket(0).owner, alice, "not filled");
        assertEq(provers.holderAt(0, sealedAt), alice, "still alice's");
    }

    /// @dev The queue has an old entry of a place that was cut off, appended anew and released
    /// again. Defence: an entry counts only for the very release that wrote it.
    function test_attack_oldEntryOfAPlaceThatDiedAgain() public {
        _join(bob, 10);
        for (uint32 i; i < 5; ++i) {
            _leave(bob, 9 - i, 1);
        }
        _skipRound();
        provers.compact(5);
        _warm(alice, 1);
        assertEq(provers.ticket(5).owner, alice, "appended anew");
        uint40 sealedAt = _now();
        _leave(alice, 5, 1);
        _join(bob, 1);
        assertEq(provers.ticket(5).owner, alice, "not filled");
        assertEq(provers.holderAt(5, sealedAt), alice, "still alice's");
    }

    /// @dev Who was dead at the seal waits for the seed, and lives again if it likes its seats.
    /// Defence: `aliveFrom` is later than the seal.
    function test_attack_revivesAfterTheSeed() public {
        _warm(bob, 10);
        skip(ALIVE);
        uint40 sealedAt = _now();
        vm.prank(bob);
        provers.stayAlive();
        _join(bob, 1);
        for (uint32 i; i < 10; ++i) {
            assertEq(provers.holderAt(i, sealedAt), address(0), "stays vacant");
        }
        assertEq(provers.holderAt(0, sealedAt + 1), bob, "later rounds only");
    }

    /// @dev The host makes holes and moves honest tickets in the second of a seal. Defence: in this
    /// second each ticket still has its old place, and `totalTickets` does not fall by a move.
    function test_attack_movesHonestTicketsAroundTheSeal() public {
        _join(bob, 10);
        _warm(alice, 10);
        _leave(bob, 0, 10);
        _skipRound();
        provers.compact(10);
        assertEq(provers.totalTickets(), 20, "total of this second");
        for (uint32 i = 10; i < 20; ++i) {
            assertEq(_holder(i), alice, "this second");
        }
        skip(1);
        for (uint32 i; i < 10; ++i) {
            assertEq(_holder(i), alice, "the next");
        }
    }

    /// @dev Many accounts instead of one. Defence: places are tickets; accounts don't count.
    function test_attack_manyAccounts() public {
        _warm(alice, 10);
        for (uint160 i; i < 10; ++i) {
            address sybil = address(0x20000 + i);
            _fund(sybil);
            _join(sybil, 1);
        }
        assertEq(provers.totalTickets(), 20, "ten places for ten tickets");
    }

    /// @dev Evicting a prover that lives. Defence: only its own silence lets anybody do it; what it
    /// had been drawn for stays its own, its stake comes back whole.
    function test_attack_evictsTheHonest() public {
        _warm(alice, 2);
        skip(ALIVE - WARM_UP);
        uint40 sealedAt = _now();
        vm.expectRevert();
        provers.evict(_range(0, 2));
        skip(1);
        provers.evict(_range(0, 1));
        assertEq(provers.holderAt(0, sealedAt), alice, "her last seat");
        // Eviction just before the end of the thaw would begin it anew: she takes all out first.
        _leave(alice, 1, 1);
        skip(THAW);
        vm.expectRevert();
        provers.evict(_range(0, 2));
        vm.prank(alice);
        provers.withdraw(alice);
        assertEq(token.balanceOf(alice), 1_000_000 ether, "whole");
    }

    /// @dev The holder of the last ticket leaves, or joins, just before a `compact`. Defence: each
    /// such step costs a ticket for the whole thaw; `compact` passes the dead place and goes on.
    function test_attack_frontRunsCompact() public {
        _warm(alice, 6);
        _warm(bob, 2);
        _leave(alice, 0, 3);
        _skipRound();
        _leave(bob, 7, 1);
        provers.compact(64);
        assertEq(provers.ticket(0).owner, bob, "moved behind the gap");
        _skipRound();
        provers.compact(64);
        assertEq(provers.totalTickets(), 4, "closed all the same");
    }

    /// @dev `compact` renumbers a ticket so that its owner's `release` fails. Defence: each move
    /// needs a dead place that a round has passed by, and a moved ticket isn't last any more.
    function test_attack_frontRunsRelease() public {
        _warm(bob, 1);
        _warm(alice, 2);
        _leave(bob, 0, 1);
        _skipRound();
        provers.compact(1);
        _expectNotHeld(2, alice);
        _leave(alice, 2, 1);
        provers.compact(64);
        _leave(alice, 0, 2);
    }

    // ---- Cost

    /// @dev Thousands of outdated entries stand in front of the queue. Defence: a new ticket skips
    /// four at most, and what is skipped once is gone.
    function test_attack_bloatsTheQueue() public {
        for (uint256 i; i < 20; ++i) {
            _join(bob, 64);
        }
        for (uint32 i; i < 20; ++i) {
            _leave(bob, 64 * i, 64);
        }
        _skipRound();
        for (uint256 i; i < 20; ++i) {
            provers.compact(64);
        }
        assertEq(provers.totalTickets(), 0, "all entries are outdated");

        uint256 before = gasleft();
        _join(alice, 1);
        assertLt(before - gasleft(), 250_000, "join stays cheap");
        before = gasleft();
        _join(alice, 64);
        assertLt(before - gasleft(), 4_000_000, "each ticket, too");
    }

    /// @dev Dead entries that cannot be used yet stand in front. Defence: each call stops there.
    function test_attack_fillsTheQueueWithYoungPlaces() public {
        _join(bob, 64);
        _leave(bob, 0, 64);
        uint256 before = gasleft();
        _join(alice, 1);
        assertLt(before - gasleft(), 250_000, "join stays cheap");
        before = gasleft();
        provers.compact(64);
        assertLt(before - gasleft(), 200_000, "compact stops");
    }

    // ---- Money

    function _with(address hostile) private {
        provers = new ProverRegistry(_config(hostile));
    }

    function _approved(TestToken hostile) private {
        _with(address(hostile));
        token = hostile;
        _fund(alice);
        _fund(bob);
    }

    /// @dev Defence: `Currency` wants the whole amount, and an honest `true`.
    function test_attack_tokensThatDeliverLess() public {
        _approved(new FeeToken());
        vm.expectRevert();
        _join(alice, 1);
        _with(address(new FalseToken()));
        vm.expectRevert();
        _join(alice, 1);
        MoodyToken moody = new MoodyToken();
        _approved(moody);
        moody.setMood(moody.transferFrom.selector, MoodyToken.Mood.SayFalse);
        vm.expectRevert();
        _join(alice, 1);
    }

    /// @dev Old tokens that return nothing work.
    function test_tokenWithoutAnAnswer() public {
        MissingReturnToken old = new MissingReturnToken();
        _with(address(old));
        old.mint(alice, PRICE);
        vm.prank(alice);
        old.approve(address(provers), PRICE);
        _join(alice, 1);
        _leave(alice, 0, 1);
        skip(THAW);
        vm.prank(alice);
        provers.withdraw(bob);
        assertEq(old.balanceOf(bob), PRICE, "whole");
    }

    /// @dev Defence: who withdraws names another account; nobody else is held up.
    function test_attack_tokenBlocksAProver() public {
        BlockingToken blocking = new BlockingToken();
        _approved(blocking);
        _join(alice, 1);
        _leave(alice, 0, 1);
        skip(THAW);
        blocking.setBlocked(alice, true);
        vm.startPrank(alice);
        vm.expectRevert();
        provers.withdraw(alice);
        provers.withdraw(bob);
        vm.stopPrank();
    }

    /// @dev Defence: bounded gas and copies; the books change only with the payment.
    function test_attack_moodyTokenOnTheWayOut() public {
        MoodyToken moody = new MoodyToken();
        _approved(moody);
        _join(alice, 1);
        _leave(alice, 0, 1);
        skip(THAW);
        for (uint256 i = 1; i < 6; ++i) {
            if (MoodyToken.Mood(i) == MoodyToken.Mood.ReturnMegabytes) continue;
            moody.setMood(moody.transfer.selector, MoodyToken.Mood(i));
            vm.expectPartialRevert(Currency.Currency_PushRefused.selector);
            vm.prank(alice);
            provers.withdraw(alice);
        }
        moody.setMood(moody.transfer.selector, MoodyToken.Mood.Good);
        vm.prank(alice);
        provers.withdraw(alice);
        assertEq(moody.balanceOf(address(provers)), 0, "whole");
    }

    /// @dev Defence: the guard, and books that are done before money moves.
    function test_attack_reentersWithdraw() public {
        ReentrantToken re = new ReentrantToken();
        _approved(re);
        _fund(address(re));
        _join(address(re), 1);
        _join(alice, 3);
        _leave(address(re), 0, 1);
        skip(THAW);
        re.arm(address(provers), abi.encodeCall(provers.withdraw, (bob)));
        vm.prank(address(re));
        provers.withdraw(bob);
        assertFalse(re.succeeded(), "refused");
        assertEq(re.balanceOf(address(provers)), 3 * PRICE, "alice's stake");
    }

    /// @dev Joining and releasing in the middle of the payment. Defence: places and stake are
    /// booked, and stake thaws.
    function test_attack_reentersJoin() public {
        ReentrantToken re = new ReentrantToken();
        _approved(re);
        _fund(address(re));
        re.arm(address(provers), abi.encodeCall(provers.release, (_range(0, 1))));
        vm.prank(address(re));
        provers.join(1, KEY, INBOX);
        assertTrue(re.succeeded(), "released in the middle");
        assertEq(provers.prover(address(re)).thawing, PRICE, "thaws");
        assertEq(re.balanceOf(address(provers)), PRICE, "paid all the same");
    }

    // ---- Limits

    /// @dev The dearest ticket there can be, and the longest periods. Defence: `uint96` times
    /// `uint32` fits in `uint128`, ten years in `uint40`: no stake locks by an overflow.
    function test_attack_overflows() public {
        IProverRegistry.Config memory c = _config(address(token));
        (c.ticketPrice, c.warmUp, c.alivePeriod) = (type(uint96).max, 3650 days, 3650 days);
        (c.thawPeriod, c.roundLength) = (3650 days, 3650 days);
        provers = new ProverRegistry(c);
        _fund(alice);
        token.mint(alice, uint256(64) * type(uint96).max);
        _join(alice, 64);
        _leave(alice, 0, 64);
        skip(3650 days);
        vm.prank(alice);
        provers.withdraw(bob);
        assertEq(token.balanceOf(address(provers)), 0, "whole");
    }

    /// @dev Native currency to a receiver that refuses. Defence: another one can be named.
    function test_attack_receiverRefuses() public {
        _with(NATIVE);
        vm.deal(alice, PRICE);
        vm.startPrank(alice);
        provers.join{ value: PRICE }(1, KEY, INBOX);
        provers.release(_range(0, 1));
        skip(THAW);
        vm.expectPartialRevert(Currency.Currency_PushRefused.selector);
        provers.withdraw(address(token));
        provers.withdraw(alice);
        vm.stopPrank();
        assertEq(alice.balance, PRICE, "whole");
    }
}
