// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, Terms } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev Attacks on closes, on the cover of claims, and on what was earned before a slash.
contract ChannelAttacks is LicensingTest {
    bytes32 private channelId;

    function _open(uint128 amount) private returns (LicenseRef memory ref) {
        (ref,) = _active();
        channelId = _channel(ref, address(0), amount);
    }

    function _word(uint128 deposited, uint128 amount) private view returns (bytes memory) {
        return signature(host.key, escrow.closeDigest(channelId, deposited, amount));
    }

    function _close(LicenseRef memory ref, uint128 deposited, uint128 amount, bytes memory word)
        private
    {
        vm.prank(payer.addr);
        escrow.close(ref, payer.addr, address(0), 0, deposited, amount, word);
    }

    function _deposit(LicenseRef memory ref, uint128 amount) private {
        vm.prank(payer.addr);
        escrow.deposit(ref, payer.addr, address(0), 0, amount);
    }

    function _expectClosed() private {
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_ChannelClosed.selector, channelId)
        );
    }

    function _leave(LicenseRef memory ref) private {
        vm.startPrank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        skip(ref.terms.thawPeriod);
        escrow.withdraw(ref, address(0), 0);
        vm.stopPrank();
    }

    /* -------------------------------- closes -------------------------------- */

    /// @dev Audit H1: a channel was closed, the payer deposited anew, was served, and brought the
    /// old signature: it got all back at once.
    function test_usedCloseTakesNoLaterDeposit() public {
        LicenseRef memory ref = _open(10 ether);
        bytes memory word = _word(10 ether, 4 ether);
        _close(ref, 10 ether, 4 ether, word);
        skip(30 days);
        _expectClosed();
        _deposit(ref, 100 ether);
        _expectClosed();
        _close(ref, 10 ether, 4 ether, word);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_ChannelExists.selector, channelId)
        );
        _channel(ref, address(0), 100 ether);
    }

    /// @dev The signature is kept, more is deposited and consumed, then it is brought: it releases
    /// what the host has seen, and what was consumed of the rest is claimed.
    function test_keptCloseTakesNoLaterDeposit() public {
        LicenseRef memory ref = _open(10 ether);
        bytes memory word = _word(10 ether, 4 ether);
        _deposit(ref, 40 ether);
        uint256 before = token.balanceOf(payer.addr);
        _close(ref, 10 ether, 4 ether, word);
        assertEq(token.balanceOf(payer.addr), before + 6 ether);
        assertEq(_claim(ref, _row(ref, 44 ether, 1, 0)), 44 ether);
    }

    /// @dev A withdrawal brings the deposit back to the number that was signed: the channel has
    /// ended with it.
    function test_closeIsNotRevivedByAWithdrawal() public {
        LicenseRef memory ref = _open(10 ether);
        bytes memory word = _word(10 ether, 4 ether);
        _claim(ref, _row(ref, 8 ether, 1, 0));
        _leave(ref);
        _expectClosed();
        _deposit(ref, 2 ether);
        _expectClosed();
        _close(ref, 10 ether, 4 ether, word);
    }

    /// @dev The first of several words ends the channel.
    function test_onlyOneOfSeveralClosesIsUsed() public {
        LicenseRef memory ref = _open(10 ether);
        bytes memory first = _word(10 ether, 9 ether);
        bytes memory second = _word(10 ether, 1 ether);
        bytes memory third = _word(9 ether, 1 ether);
        _close(ref, 10 ether, 9 ether, first);
        _expectClosed();
        _close(ref, 10 ether, 1 ether, second);
        _expectClosed();
        _close(ref, 9 ether, 1 ether, third);
    }

    /// @dev A stranger deposits a unit so that the deposit is not the signed one any more.
    function test_strangersUnitHoldsNoCloseUp() public {
        LicenseRef memory ref = _open(10 ether);
        bytes memory word = _word(10 ether, 4 ether);
        vm.prank(stranger);
        escrow.deposit(ref, payer.addr, address(0), 0, 1);
        uint256 before = token.balanceOf(payer.addr);
        _close(ref, 10 ether, 4 ether, word);
        assertEq(token.balanceOf(payer.addr), before + 6 ether);
    }

    /// @dev A close before the host's claim arrives takes nothing of what it keeps.
    function test_closeBeforeAPendingClaim() public {
        LicenseRef memory ref = _open(10 ether);
        IPaymentEscrow.ClaimRow memory pending = _row(ref, 4 ether, 1, 0);
        _close(ref, 10 ether, 4 ether, _word(10 ether, 4 ether));
        assertEq(_claim(ref, pending), 4 ether);
    }

    /// @dev The host closed a thawing channel for a unit again and again: each close ended the
    /// thaw, and the payer never got out.
    function test_hostCannotHoldAThawUpByCloses() public {
        LicenseRef memory ref = _open(10 ether);
        vm.prank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        skip(ref.terms.thawPeriod - 1);
        vm.prank(host.addr);
        escrow.close(ref, payer.addr, address(0), 0, 10 ether, 10 ether - 1, "");
        skip(1);
        uint256 before = token.balanceOf(payer.addr);
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
        assertEq(token.balanceOf(payer.addr), before + 10 ether - 1);
    }

    /// @dev What the host keeps but never claims goes back by a thaw: nothing stays for ever.
    function test_keptAndNeverClaimedGoesBack() public {
        LicenseRef memory ref = _open(10 ether);
        _close(ref, 10 ether, 9 ether, _word(10 ether, 9 ether));
        escrow.reserve(ref, _row(ref, 2 ether, 1, 0));
        uint256 before = token.balanceOf(payer.addr);
        _leave(ref);
        assertEq(token.balanceOf(payer.addr), before + 7 ether);
        assertEq(escrow.channel(channelId).deposited, 2 ether);
    }

    /* -------------------------------- cover -------------------------------- */

    /// @dev Audit M2: eight claims in one transaction paid 400 on a collateral of 100 at 200 %.
    function test_manyClaimsTakeNoMoreThanIsCovered() public {
        LicenseRef memory ref = _open(400 ether);
        uint256 paid;
        for (uint128 i = 1; i <= 8; ++i) {
            paid += _claim(ref, _row(ref, i * 50 ether, 1, 0));
        }
        assertEq(paid, 50 ether);
    }

    /// @dev A host that waits for the end of a period to take the cover twice.
    function test_borderOfPeriodsGivesNoSecondCover() public {
        LicenseRef memory ref = _open(400 ether);
        uint256 period = ref.terms.settlementPeriod;
        vm.warp((block.timestamp / period + 1) * period - 1);
        assertEq(_claim(ref, _row(ref, 50 ether, 1, 0)), 50 ether);
        skip(1);
        assertEq(_claim(ref, _row(ref, 100 ether, 1, 0)), 0);
        assertEq(escrow.claimable(ref), 0);
        vm.warp(block.timestamp + period - 1);
        assertEq(_claim(ref, _row(ref, 100 ether, 1, 0)), 0);
    }

    /// @dev A host that ends its license itself so that its claims need no cover: evidence has its
    /// time first.
    function test_endingTheLicenseLiftsNoCover() public {
        LicenseRef memory ref = _open(400 ether);
        assertEq(_claim(ref, _row(ref, 50 ether, 1, 0)), 50 ether);
        vm.prank(host.addr);
        registry.terminate(ref);
        assertEq(_claim(ref, _row(ref, 400 ether, 1, 0)), 0);
        vm.prank(host.addr);
        vault.startThaw(ref);
        skip(ref.terms.settlementPeriod);
        assertEq(_claim(ref, _row(ref, 400 ether, 1, 0)), 0);
        assertGt(vault.collateral(ref).amount, 0, "still there for all that was served");
        skip(1);
        assertEq(_claim(ref, _row(ref, 400 ether, 1, 0)), 350 ether);
    }

    /// @dev A payer that pays itself through the host's license uses the host's cover up; what
    /// other payers leave behind is reserved and comes later.
    function test_usedUpCoverCostsNothing() public {
        LicenseRef memory ref = _open(400 ether);
        vm.startPrank(stranger);
        token.approve(address(escrow), type(uint256).max);
        escrow.openChannel(ref, session.addr, 0, 50 ether);
        vm.stopPrank();
        IPaymentEscrow.ClaimRow memory gift = _row(ref, session.addr, session.key, 50 ether, 0, 0);
        gift.payer = stranger;
        bytes32 other = escrow.channelIdOf(_id(ref), stranger, session.addr, 0);
        gift.signature =
            signature(session.key, escrow.voucherDigest(other, 50 ether, 0, 0, REQUEST));
        assertEq(_claim(ref, gift), 50 ether);
        IPaymentEscrow.ClaimRow memory row = _row(ref, 40 ether, 1, 0);
        assertEq(_claim(ref, row), 0);
        escrow.reserve(ref, row);
        _leave(ref);
        assertEq(_claim(ref, row), 40 ether);
    }

    /* -------------------------------- slash -------------------------------- */

    /// @dev Audit M3: a whole slash took the owner's and the parents' part of what was paid before
    /// it, and what was reserved stayed in the escrow for ever.
    function test_wholeSlashTakesNothingThatWasEarned() public {
        LicenseRef memory ref = _open(400 ether);
        bytes32 id = _id(ref);
        uint256 ownerBefore = escrow.balanceOf(address(token), owner.addr);
        uint256 parentBefore = escrow.balanceOf(address(token), parentOwner.addr);
        vm.prank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        vm.startPrank(proofs);
        registry.terminateFor(id);
        vault.slash(ref, _how(ref, 10_000, reporter, 0));
        vm.stopPrank();
        escrow.reserve(ref, _row(ref, 100 ether, 1, 0));
        skip(ref.terms.thawPeriod);
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
        // Anybody, without the voucher.
        IPaymentEscrow.ClaimRow memory row = _row(ref, 100 ether, 0, 0);
        row.signature = "";
        vm.prank(owner.addr);
        assertEq(_claim(ref, row), 100 ether);
        assertEq(escrow.balanceOf(address(token), owner.addr) - ownerBefore, 27 ether);
        assertEq(escrow.balanceOf(address(token), parentOwner.addr) - parentBefore, 3 ether);
        assertEq(escrow.channel(channelId).deposited, escrow.channel(channelId).claimed);
    }

    /// @dev Every order of reserving, slashing, closing and leaving: what was reserved is claimed
    /// in the end, the rest goes back, and the channel is empty.
    function testFuzz_nothingIsStranded(uint8[6] memory order, uint128 amount, uint16 bps) public {
        LicenseRef memory ref = _open(60 ether);
        bytes32 id = _id(ref);
        amount = uint128(bound(amount, 1 ether, 60 ether));
        bps = uint16(bound(bps, 0, 10_000));
        for (uint256 i = 0; i < order.length; ++i) {
            _step(ref, id, order[i] % 7, amount, bps);
        }
        vm.prank(proofs);
        registry.terminateFor(id);
        skip(ref.terms.settlementPeriod + 1);
        IPaymentEscrow.ClaimRow memory row = _row(ref, escrow.reserved(channelId), 0, 0);
        row.signature = "";
        _claim(ref, row);
        if (escrow.channel(channelId).thawEnd == 0) {
            vm.prank(payer.addr);
            escrow.startThaw(ref, address(0), 0);
        }
        skip(ref.terms.thawPeriod);
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
        IPaymentEscrow.Channel memory c = escrow.channel(channelId);
        assertEq(c.deposited, c.claimed, "stranded");
        assertGe(c.claimed, escrow.reserved(channelId), "reserved and not claimed");
    }

    /// @dev One call in a random order; what it refuses changes nothing.
    function _step(LicenseRef memory ref, bytes32 id, uint8 what, uint128 amount, uint16 bps)
        private
    {
        if (what == 0) {
            try escrow.reserve(ref, _row(ref, amount, 1, 0)) { } catch { }
        } else if (what == 1) {
            vm.startPrank(proofs);
            registry.terminateFor(id);
            vault.slash(ref, _how(ref, bps, reporter, 0));
            vm.stopPrank();
        } else if (what == 2) {
            vm.prank(payer.addr);
            try escrow.startThaw(ref, address(0), 0) { } catch { }
        } else if (what == 3) {
            vm.prank(payer.addr);
            try escrow.withdraw(ref, address(0), 0) { } catch { }
        } else if (what == 4) {
            vm.prank(host.addr);
            try escrow.close(ref, payer.addr, address(0), 0, 60 ether, amount / 2, "") { } catch { }
        } else if (what == 5) {
            _claim(ref, _row(ref, amount / 3, 1, 0));
        } else {
            skip(ref.terms.thawPeriod / 2 + 1);
        }
    }
}
