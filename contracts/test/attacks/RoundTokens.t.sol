// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Currency } from "../../src/libraries/Currency.sol";
import { BURN } from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { RoundTest } from "../utils/RoundTest.sol";
import { BlockingToken } from "../utils/tokens/BlockingToken.sol";
import { MoodyToken } from "../utils/tokens/MoodyToken.sol";
import { ReentrantToken } from "../utils/tokens/ReentrantToken.sol";

/// @dev Fees, and here the collateral too, in a currency that refuses accounts.
contract BlockingFees is RoundTest {
    function _makeToken() internal override returns (TestToken) {
        return new BlockingToken();
    }

    /// @dev One prover that can't be paid stops neither the others nor the opening.
    function test_oneProverIsBlocked() public {
        Play memory p = _answered(0, Behaviour.OtherCopy);
        address blocked = p.sheets[0].prover;
        BlockingToken(address(token)).setBlocked(blocked, true);
        _open(p);
        IRounds.Sheet memory sheet = p.sheets[0];
        vm.expectPartialRevert(Currency.Currency_PushRefused.selector);
        vm.prank(blocked);
        rounds.collect(p.roundId, 0, sheet.keysHash, sheet.tags);
        for (uint8 i; i < p.seats; ++i) {
            if (p.sheets[i].prover != blocked) _collect(p, i);
        }
        BlockingToken(address(token)).setBlocked(blocked, false);
        _collect(p, 0);
    }

    /// @dev The owner, the payer and the burn address are blocked: the host is convicted all the
    /// same, and what can't be burned waits.
    function test_blockedPeopleStopNoConviction() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        BlockingToken(address(token)).setBlocked(owner.addr, true);
        BlockingToken(address(token)).setBlocked(reporter, true);
        BlockingToken(address(token)).setBlocked(host.addr, true);
        BlockingToken(address(token)).setBlocked(BURN, true);
        _open(p);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(vault.payout(2).to, BURN, "burned later");
    }

    /// @dev Fees that the currency does not burn stay, out of everyone's reach.
    function test_sweepWithoutBurn() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        BlockingToken(address(token)).setBlocked(BURN, true);
        skip(60 days);
        rounds.sweep(p.roundId);
        assertEq(token.balanceOf(address(rounds)), 16 * uint256(SEAT_FEE), "locked");
        _expectNothing(p, 0);
    }
}

/// @dev In a currency that takes all gas, answers megabytes or refuses.
contract MoodyFees is RoundTest {
    function _makeToken() internal override returns (TestToken) {
        return new MoodyToken();
    }

    function _moody() private view returns (MoodyToken) {
        return MoodyToken(address(token));
    }

    /// @dev The opening moves no fee: whatever the currency does, it lands, and what it does not
    /// burn of the collateral waits.
    function test_openingInEveryMood() public {
        for (uint8 k = 1; k <= 5; ++k) {
            Play memory p = _answered(k, Behaviour.OwnCopy);
            _moody().setMood(token.transfer.selector, MoodyToken.Mood(k));
            IRounds.Opening memory o = _opening(p);
            vm.prank(owner.addr);
            uint256 before = gasleft();
            rounds.open(o);
            assertLt(before - gasleft(), 8_000_000, "gas is bounded");
            _assertStatus(p, IRounds.RoundStatus.Convicted);
            _moody().setMood(token.transfer.selector, MoodyToken.Mood.Good);
            skip(1 days);
        }
    }

    function test_sweepInEveryMood() public {
        for (uint8 k = 1; k <= 5; ++k) {
            Play memory p = _sealed(k);
            skip(60 days);
            _moody().setMood(token.transfer.selector, MoodyToken.Mood(k));
            rounds.sweep(p.roundId);
            assertEq(rounds.round(p.roundId).collected, p.seats, "swept");
            _moody().setMood(token.transfer.selector, MoodyToken.Mood.Good);
        }
    }

    /// @dev A refused fee can be collected later; nothing is noted as paid.
    function test_collectLater() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        IRounds.Sheet memory sheet = p.sheets[0];
        for (uint8 k = 1; k <= 5; ++k) {
            // Megabytes of an answer are not copied, and say that it was done.
            if (MoodyToken.Mood(k) == MoodyToken.Mood.ReturnMegabytes) continue;
            _moody().setMood(token.transfer.selector, MoodyToken.Mood(k));
            vm.expectPartialRevert(Currency.Currency_PushRefused.selector);
            vm.prank(sheet.prover);
            rounds.collect(p.roundId, 0, sheet.keysHash, sheet.tags);
        }
        _moody().setMood(token.transfer.selector, MoodyToken.Mood.Good);
        _collect(p, 0);
    }

    /// @dev A seal that is not paid is no seal.
    function test_sealUnpaid() public {
        Play memory p = _planned(0, deployment);
        _moody().setMood(token.transferFrom.selector, MoodyToken.Mood.SayFalse);
        bytes memory signed = _signSeal(p, reporter, 0);
        bytes32 c = _commitment(p);
        vm.expectPartialRevert(Currency.Currency_PullRefused.selector);
        vm.prank(reporter);
        rounds.sealFor(p.account, p.word, c, p.seats, 0, signed);
        _assertStatus(p, IRounds.RoundStatus.None);
    }
}

/// @dev In a currency that calls back.
contract ReentrantFees is RoundTest {
    function _makeToken() internal override returns (TestToken) {
        return new ReentrantToken();
    }

    function _assertRefused() private view {
        ReentrantToken re = ReentrantToken(address(token));
        assertFalse(re.succeeded(), "the call back failed");
        assertEq(
            bytes32(re.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "by the guard"
        );
    }

    function test_collectIsNotReentered() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        bytes memory again = abi.encodeCall(
            rounds.collect, (p.roundId, 1, p.sheets[1].keysHash, p.sheets[1].tags)
        );
        ReentrantToken(address(token)).arm(address(rounds), again);
        _collect(p, 0);
        _assertRefused();
    }

    function test_sweepIsNotReentered() public {
        Play memory p = _sealed(0);
        Play memory q = _sealed(1);
        skip(60 days);
        ReentrantToken(address(token))
            .arm(address(rounds), abi.encodeCall(rounds.sweep, (q.roundId)));
        rounds.sweep(p.roundId);
        _assertRefused();
    }

    function test_sealIsNotReentered() public {
        bytes memory again = abi.encodeCall(rounds.seal, ("word", "deployment", 8));
        ReentrantToken(address(token)).arm(address(rounds), again);
        _sealed(0);
        _assertRefused();
    }

    /// @dev The burn of collateral within an opening calls back: the round is opened by then.
    function test_openingIsNotReentered() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        ReentrantToken re = ReentrantToken(address(token));
        re.arm(address(rounds), abi.encodeCall(rounds.open, (o)));
        _openWith(o);
        assertFalse(re.succeeded(), "the call back failed");
        _assertStatus(p, IRounds.RoundStatus.Convicted);
        assertEq(vault.collateral(ref()).amount, 20 ether, "slashed once");
    }
}
