// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../utils/ProverTest.sol";

/// @title Random life of a prover registry, with rounds that are sealed in between
/// @dev Nothing here is fair: calls that must be refused are tried, too, places are moved in the
/// second of a seal, and dead provers revive while rounds are pending.
contract TicketsHandler is ProverTest {
    /// @dev What a round notes, and who held its places then.
    struct Seal {
        uint40 time;
        address[] holders;
    }

    uint256 public constant ACCOUNTS = 6;
    uint256 internal constant MAX_PLACES = 60;
    uint256 internal constant MAX_SEALS = 6;

    Seal[] private _seals;
    uint256 private _time;

    /// @dev Forge does not promise to keep the clock between the calls of a run.
    modifier step() {
        vm.warp(_time);
        _;
        _time = vm.getBlockTimestamp();
        checkSeats();
    }

    constructor() {
        setUp();
        for (uint256 i; i < ACCOUNTS; ++i) {
            _fund(account(i));
        }
        _time = vm.getBlockTimestamp();
    }

    function account(uint256 i) public pure returns (address) {
        return address(uint160(0x10000 + i % ACCOUNTS));
    }

    function system() external view returns (address, address) {
        return (address(provers), address(token));
    }

    function join(uint256 who, uint256 count) external step {
        if (provers.totalTickets() >= MAX_PLACES) return;
        _join(account(who), uint32(bound(count, 1, 8)));
    }

    function stayAlive(uint256 who) external step {
        if (provers.prover(account(who)).tickets == 0) return;
        vm.prank(account(who));
        provers.stayAlive();
    }

    /// @dev Every second, third, ... ticket of an account, from the front or the back.
    function release(uint256 who, uint256 stride, bool fromBack) external step {
        address owner = account(who);
        stride = bound(stride, 1, 5);
        uint32 total = provers.totalTickets();
        uint256 found;
        for (uint32 i; i < total; ++i) {
            uint32 index = fromBack ? total - 1 - i : i;
            IProverRegistry.Ticket memory t = provers.ticket(index);
            if (t.owner != owner || t.validUntil != type(uint40).max) continue;
            if (found++ % stride == 0) _leave(owner, index, 1);
        }
    }

    /// @dev Of another account, or of none.
    function releaseNotHeld(uint256 who, uint256 index) external step {
        uint32 place = uint32(index % MAX_PLACES);
        IProverRegistry.Ticket memory t = provers.ticket(place);
        if (t.owner == account(who) && t.validUntil == type(uint40).max) return;
        _expectNotHeld(place, account(who));
        _leave(account(who), place, 1);
    }

    /// @dev All that are dead, up to some number.
    function evict(uint256 most) external step {
        most = bound(most, 1, 20);
        uint32 total = provers.totalTickets();
        for (uint32 i; i < total && most != 0; ++i) {
            IProverRegistry.Ticket memory t = provers.ticket(i);
            if (t.validUntil != type(uint40).max) continue;
            if (provers.prover(t.owner).aliveUntil >= _now()) continue;
            provers.evict(_range(i, 1));
            --most;
        }
    }

    function compact(uint256 steps) external step {
        provers.compact(uint32(bound(steps, 1, 64)));
    }

    function withdraw(uint256 who) external step {
        address owner = account(who);
        IProverRegistry.Prover memory p = provers.prover(owner);
        if (p.thawing == 0) return;
        if (p.thawEnd > _now()) skip(p.thawEnd - _now());
        uint256 before = token.balanceOf(owner);
        vm.prank(owner);
        provers.withdraw(owner);
        assertEq(token.balanceOf(owner), before + p.thawing, "stake whole");
    }

    function seal() external step {
        uint256 slot = _seals.length;
        if (slot == MAX_SEALS) {
            for (uint256 i; i + 1 < MAX_SEALS; ++i) {
                _seals[i] = _seals[i + 1];
            }
            _seals.pop();
            --slot;
        }
        _seals.push();
        Seal storage s = _seals[slot];
        s.time = _now();
        for (uint32 i; i < provers.totalTickets(); ++i) {
            s.holders.push(provers.holderAt(i, _now()));
        }
    }

    /// @dev Seconds count as much as months here.
    function pass(uint256 duration) external step {
        skip(duration % 3 == 0 ? duration % 3 : bound(duration, 1, ROUND));
    }

    function passLong(uint256 duration) external step {
        skip(bound(duration, ROUND, ALIVE + 2));
    }

    /// @dev Seat law: a pending round's seats stay; only a prover that died and revived loses its
    /// own.
    function checkSeats() public view {
        for (uint256 k; k < _seals.length; ++k) {
            Seal memory s = _seals[k];
            if (_now() > s.time + ROUND) continue;
            for (uint32 i; i < s.holders.length; ++i) {
                address holder = provers.holderAt(i, s.time);
                if (holder == s.holders[i]) continue;
                assertEq(holder, address(0), "a seat became somebody else's");
                assertGt(provers.prover(s.holders[i]).aliveFrom, s.time, "a seat was lost");
            }
        }
    }

    /// @dev Tickets held of each account, their stake, and what the registry has.
    function checkStake() public view {
        uint256 owed;
        uint256 held;
        for (uint256 i; i < ACCOUNTS; ++i) {
            IProverRegistry.Prover memory p = provers.prover(account(i));
            uint256 found;
            for (uint32 k; k < provers.totalTickets(); ++k) {
                IProverRegistry.Ticket memory t = provers.ticket(k);
                if (t.owner == account(i) && t.validUntil == type(uint40).max) ++found;
            }
            assertEq(found, p.tickets, "tickets of an account");
            held += found;
            owed += uint256(p.tickets) * PRICE + p.thawing;
        }
        assertEq(token.balanceOf(address(provers)), owed, "stake whole");
        assertLe(held, provers.totalTickets(), "no place held twice");
    }

    /// @dev Everybody leaves; in bounded time the array is empty and all stake is back. So each
    /// dead place stands in the queue, or at the end.
    function everybodyLeaves() external {
        vm.warp(_time);
        uint32 total = provers.totalTickets();
        for (uint32 i; i < total; ++i) {
            IProverRegistry.Ticket memory t = provers.ticket(i);
            if (t.validUntil == type(uint40).max) _leave(t.owner, i, 1);
        }
        skip(THAW);
        for (uint256 i; i < ACCOUNTS; ++i) {
            if (provers.prover(account(i)).thawing == 0) continue;
            vm.prank(account(i));
            provers.withdraw(account(i));
        }
        assertEq(token.balanceOf(address(provers)), 0, "all stake back");
        _time = vm.getBlockTimestamp();
    }

    /// @dev Honest tickets that stay are together again after four rounds, whatever happened.
    function closesAllDeadPlaces() external {
        vm.warp(_time);
        for (uint256 k; k < 4; ++k) {
            _skipRound();
            for (uint256 i; i < 16; ++i) {
                provers.compact(64);
            }
        }
        uint256 held;
        for (uint256 i; i < ACCOUNTS; ++i) {
            held += provers.prover(account(i)).tickets;
        }
        assertEq(provers.totalTickets(), held, "no dead places left");
        _time = vm.getBlockTimestamp();
    }
}
