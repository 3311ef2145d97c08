// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { CollateralVault } from "../../src/CollateralVault.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { Currency } from "../../src/libraries/Currency.sol";
import { BURN, LicenseRef, LicenseStatus, NATIVE, Terms } from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";
import { BlockingToken } from "../utils/tokens/BlockingToken.sol";
import { FalseToken } from "../utils/tokens/FalseToken.sol";
import { FeeToken } from "../utils/tokens/FeeToken.sol";
import { MissingReturnToken } from "../utils/tokens/MissingReturnToken.sol";
import { ReentrantToken } from "../utils/tokens/ReentrantToken.sol";

/// @dev Takes no native currency.
contract Refuser { }

/// @dev Tokens and payees that do not behave.
contract TokenAttacks is LicensingTest {
    /// @dev Gives host and payer the currency, by the ERC-20 interface that all of them share.
    function _fundIn(address currency) private {
        address[2] memory accounts = [host.addr, payer.addr];
        for (uint256 i = 0; i < 2; ++i) {
            TestToken(currency).mint(accounts[i], 1000 ether);
            vm.startPrank(accounts[i]);
            (bool vaultOk,) =
                currency.call(abi.encodeCall(token.approve, (address(vault), type(uint256).max)));
            (bool escrowOk,) =
                currency.call(abi.encodeCall(token.approve, (address(escrow), type(uint256).max)));
            vm.stopPrank();
            assertTrue(vaultOk && escrowOk);
        }
    }

    function test_feeOnTransferIsRefused() public {
        FeeToken fee = new FeeToken();
        _fundIn(address(fee));
        Terms memory terms = _termsIn(address(fee));
        _publish(terms);
        vm.expectRevert(
            abi.encodeWithSelector(
                Currency.Currency_WrongAmountReceived.selector, address(fee), 148.5 ether, 150 ether
            )
        );
        vm.prank(host.addr);
        registry.acquire(terms, 1, servingKey, ENCRYPTION_KEY);
    }

    function test_falseReturnIsRefused() public {
        Terms memory terms = _termsIn(address(new FalseToken()));
        _publish(terms);
        vm.expectRevert(
            abi.encodeWithSelector(
                Currency.Currency_PullRefused.selector, terms.currency, host.addr, 150 ether
            )
        );
        vm.prank(host.addr);
        registry.acquire(terms, 1, servingKey, ENCRYPTION_KEY);
    }

    function test_missingReturnWorksAllTheWay() public {
        MissingReturnToken missing = new MissingReturnToken();
        _fundIn(address(missing));
        (LicenseRef memory ref, bytes32 id) = _active(_termsIn(address(missing)));
        _channel(ref);
        assertEq(_claim(ref, _row(ref, 4 ether, 1, 0)), 4 ether);
        vm.prank(host.addr);
        escrow.withdrawBalance(address(missing), host.addr);
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 5000, reporter, 0));
        assertEq(missing.balanceOf(BURN), 15 ether);
        vault.payOut(0);
        assertEq(missing.balanceOf(reporter), 15 ether);
        vm.startPrank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        skip(ref.terms.thawPeriod);
        escrow.withdraw(ref, address(0), 0);
        assertEq(missing.balanceOf(payer.addr), 996 ether);
    }

    /// @dev A token that blocks one payee must not hold up the others.
    function test_blockedPayeeBlocksNoOther() public {
        BlockingToken blocking = new BlockingToken();
        _fundIn(address(blocking));
        (LicenseRef memory ref,) = _active(_termsIn(address(blocking)));
        _channel(ref);
        blocking.setBlocked(parentOwner.addr, true);
        blocking.setBlocked(reporter, true);

        assertEq(_claim(ref, _row(ref, 10 ether, 1, 0)), 10 ether);
        vm.prank(host.addr);
        escrow.withdrawBalance(address(blocking), host.addr);
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 10_000, reporter, 0));
        vm.expectRevert(_refused(address(blocking), reporter, 30 ether));
        vault.payOut(0);
        vault.payOut(1);
        assertEq(blocking.balanceOf(owner.addr), 40 ether);
        vm.expectRevert(_refused(address(blocking), parentOwner.addr, 5.3 ether));
        vm.prank(parentOwner.addr);
        escrow.withdrawBalance(address(blocking), parentOwner.addr);
        // It can still have the money sent elsewhere.
        vm.prank(parentOwner.addr);
        escrow.withdrawBalance(address(blocking), stranger);
        assertEq(blocking.balanceOf(stranger), 5.3 ether);
        vm.prank(reporter);
        vault.payOutTo(0, stranger);
        assertEq(blocking.balanceOf(stranger), 35.3 ether);
    }

    function _refused(address currency, address to, uint256 amount)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(Currency.Currency_PushRefused.selector, currency, to, amount);
    }

    /// @dev A payee contract that takes no native currency.
    function test_refusingPayeeBlocksNoOther() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        address refuser = address(new Refuser());
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 10_000, refuser, 0));
        vm.expectRevert(_refused(NATIVE, refuser, 30 ether));
        vault.payOut(0);
        vault.payOut(1);
        assertEq(owner.addr.balance, 40 ether);
        assertEq(BURN.balance, 30 ether);
        // What it can't take it can still send elsewhere.
        vm.prank(refuser);
        vault.payOutTo(0, reporter);
        assertEq(reporter.balance, 30 ether);
    }

    /// @dev A host whose token refuses the burn keeps nothing by it.
    function test_unburnableTokenSavesNoHost() public {
        BlockingToken blocking = new BlockingToken();
        _fundIn(address(blocking));
        (LicenseRef memory ref, bytes32 id) = _active(_termsIn(address(blocking)));
        blocking.setBlocked(BURN, true);
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 10_000, reporter, 0));
        assertEq(vault.collateral(ref).amount, 0);
    }

    // ---- Reentrancy

    function _reentrant() private returns (ReentrantToken re, LicenseRef memory ref, bytes32 id) {
        re = new ReentrantToken();
        _fundIn(address(re));
        (ref, id) = _active(_termsIn(address(re)));
    }

    function _assertRefused(ReentrantToken re) private view {
        assertFalse(re.succeeded(), "reentered");
        assertEq(
            bytes32(re.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    function test_reentrancy_payOutTwice() public {
        (ReentrantToken re, LicenseRef memory ref,) = _reentrant();
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 10_000, reporter, 0));
        re.arm(address(vault), abi.encodeCall(CollateralVault.payOut, (1)));
        vault.payOut(0);
        _assertRefused(re);
        assertEq(re.balanceOf(reporter), 30 ether);
        assertEq(re.balanceOf(owner.addr), 0);
    }

    /// @dev Two nested deposits would both be measured by the outer balance difference.
    function test_reentrancy_depositInDeposit() public {
        (ReentrantToken re, LicenseRef memory ref,) = _reentrant();
        re.arm(
            address(escrow),
            abi.encodeCall(PaymentEscrow.deposit, (ref, payer.addr, address(0), 0, 1 ether))
        );
        _channel(ref);
        _assertRefused(re);

        re.arm(address(vault), abi.encodeCall(CollateralVault.topUp, (ref, 1 ether)));
        vm.prank(host.addr);
        vault.topUp(ref, 1 ether);
        _assertRefused(re);
    }

    function test_reentrancy_claimInWithdrawal() public {
        (ReentrantToken re, LicenseRef memory ref,) = _reentrant();
        _channel(ref);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = _row(ref, 1 ether, 1, 0);
        re.arm(address(escrow), abi.encodeCall(PaymentEscrow.claim, (ref, rows)));
        vm.prank(owner.addr);
        escrow.withdrawBalance(address(re), owner.addr);
        _assertRefused(re);
        assertEq(re.balanceOf(owner.addr), 45 ether);
    }

    function test_reentrancy_payOutInSlash() public {
        (ReentrantToken re, LicenseRef memory ref,) = _reentrant();
        re.arm(address(vault), abi.encodeCall(CollateralVault.payOut, (0)));
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 10_000, reporter, 0));
        _assertRefused(re);
        assertEq(re.balanceOf(BURN), 30 ether);
        assertEq(re.balanceOf(reporter), 0);
    }

    /// @dev The fee's arrival is measured; a deposit in the middle would be measured with it.
    function test_reentrancy_depositInReleaseOfTheFee() public {
        (ReentrantToken re, LicenseRef memory first,) = _reentrant();
        _channel(first);
        LicenseRef memory ref = LicenseRef(first.terms, host.addr, 2);
        bytes32 id = _acquire(ref);
        mine(3);
        registry.drawLicenseSeed(id);
        _deliver(ref);
        re.arm(
            address(escrow),
            abi.encodeCall(PaymentEscrow.deposit, (first, payer.addr, address(0), 0, 1 ether))
        );
        registry.releaseFee(ref);
        _assertRefused(re);
        assertEq(escrow.balanceOf(address(re), owner.addr), 90 ether);
    }

    function test_reentrancy_topUpInRefund() public {
        ReentrantToken re = new ReentrantToken();
        _fundIn(address(re));
        (LicenseRef memory ref,) = _acquired(_termsIn(address(re)));
        skip(ref.terms.deliveryPeriod + 1);
        re.arm(address(vault), abi.encodeCall(CollateralVault.topUp, (ref, 1 ether)));
        vm.prank(host.addr);
        registry.cancel(ref);
        _assertRefused(re);
        assertEq(re.balanceOf(host.addr), 1000 ether);
    }

    function test_reentrancy_topUpInWithdrawal() public {
        (ReentrantToken re, LicenseRef memory ref, bytes32 id) = _reentrant();
        vm.startPrank(host.addr);
        registry.terminate(ref);
        vault.startThaw(ref);
        skip(ref.terms.thawPeriod);
        re.arm(address(vault), abi.encodeCall(CollateralVault.topUp, (ref, 1 ether)));
        vault.withdraw(ref);
        vm.stopPrank();
        _assertRefused(re);
        assertEq(vault.collateral(ref).amount, 0);
    }

    function test_reentrancy_depositInPayersWithdrawal() public {
        (ReentrantToken re, LicenseRef memory ref, bytes32 id) = _reentrant();
        _channel(ref);
        vm.startPrank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        skip(ref.terms.thawPeriod);
        re.arm(
            address(escrow),
            abi.encodeCall(PaymentEscrow.deposit, (ref, payer.addr, address(0), 0, 1 ether))
        );
        escrow.withdraw(ref, address(0), 0);
        vm.stopPrank();
        _assertRefused(re);
        assertEq(re.balanceOf(payer.addr), 1000 ether);
    }

    /// @dev Buying a second license in the middle of the first purchase.
    function test_reentrancy_acquireInAcquire() public {
        ReentrantToken re = new ReentrantToken();
        _fundIn(address(re));
        Terms memory terms = _termsIn(address(re));
        _publish(terms);
        re.arm(
            address(registry),
            abi.encodeCall(registry.acquire, (terms, 2, servingKey, ENCRYPTION_KEY))
        );
        vm.prank(host.addr);
        bytes32 id = registry.acquire(terms, 1, servingKey, ENCRYPTION_KEY);
        _assertRefused(re);
        _assertStatus(id, LicenseStatus.Acquired);
        assertEq(vault.collateral(_ref(terms)).amount, terms.collateral);
    }
}
