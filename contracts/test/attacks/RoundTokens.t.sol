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
        uint256 earned = rounds.fees(blocked);
        vm.expectPartialRevert(Currency.Currency_PushRefused.selector);
        vm.prank(blocked);
        rounds.withdrawFees(blocked);
        for (uint8 i; i < p.seats; ++i) {
            address prover = p.sheets[i].prover;
            if (prover != blocked && rounds.fees(prover) != 0) _withdraw(prover);
        }
        // It names another account, or waits.
        vm.prank(blocked);
        rounds.withdrawFees(address(0xbeef));
        assertEq(token.balanceOf(address(0xbeef)), earned, "elsewhere");
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
    function test_noBurn() public {
        Play memory p = _sealed(0);
        _afterEnd(p);
        rounds.collectLapsed(p.roundId, p.sheets);
        BlockingToken(address(token)).setBlocked(BURN, true);
        rounds.burnFees();
        assertEq(token.balanceOf(address(rounds)), 16 * uint256(SEAT_FEE), "locked");
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_NothingToBurn.selector));
        rounds.burnFees();
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

    function test_burnInEveryMood() public {
        for (uint8 k = 1; k <= 5; ++k) {
            Play memory p = _sealed(k);
            _afterEnd(p);
            rounds.collectLapsed(p.roundId, p.sheets);
            _moody().setMood(token.transfer.selector, MoodyToken.Mood(k));
            rounds.burnFees();
            assertEq(rounds.unearnedFees(), 0, "done with");
            _moody().setMood(token.transfer.selector, MoodyToken.Mood.Good);
        }
    }

    /// @dev A refused payment can be had later; nothing is noted as paid.
    function test_withdrawLater() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        address prover = p.sheets[0].prover;
        uint256 earned = rounds.fees(prover);
        for (uint8 k = 1; k <= 5; ++k) {
            // Megabytes of an answer are not copied, and say that it was done.
            if (MoodyToken.Mood(k) == MoodyToken.Mood.ReturnMegabytes) continue;
            _moody().setMood(token.transfer.selector, MoodyToken.Mood(k));
            vm.expectPartialRevert(Currency.Currency_PushRefused.selector);
            vm.prank(prover);
            rounds.withdrawFees(prover);
            assertEq(rounds.fees(prover), earned, "still there");
        }
        _moody().setMood(token.transfer.selector, MoodyToken.Mood.Good);
        _withdraw(prover);
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

    function test_withdrawalIsNotReentered() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        address prover = p.sheets[0].prover;
        bytes memory again = abi.encodeCall(rounds.withdrawFees, (prover));
        ReentrantToken(address(token)).arm(address(rounds), again);
        _withdraw(prover);
        _assertRefused();
    }

    function test_burnIsNotReentered() public {
        Play memory p = _sealed(0);
        _afterEnd(p);
        rounds.collectLapsed(p.roundId, p.sheets);
        ReentrantToken(address(token)).arm(address(rounds), abi.encodeCall(rounds.burnFees, ()));
        rounds.burnFees();
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
