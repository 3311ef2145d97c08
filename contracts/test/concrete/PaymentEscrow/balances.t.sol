// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, NATIVE } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract PaymentEscrow_balances is LicensingTest {
    function test_revertWhen_noRecipient() public {
        vm.expectRevert(IPaymentEscrow.PaymentEscrow_NoRecipient.selector);
        escrow.withdrawBalance(address(token), address(0));
    }

    function test_revertWhen_noBalance() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_NoBalance.selector, address(token), stranger
            )
        );
        vm.prank(stranger);
        escrow.withdrawBalance(address(token), stranger);
    }

    function test_withdrawsOnce() public {
        _active();
        uint256 balance = escrow.balanceOf(address(token), owner.addr);
        vm.startPrank(owner.addr);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.BalanceWithdrawn(address(token), owner.addr, stranger, balance);
        assertEq(escrow.withdrawBalance(address(token), stranger), balance);
        assertEq(token.balanceOf(stranger), 1_000_000 ether + balance);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_NoBalance.selector, address(token), owner.addr
            )
        );
        escrow.withdrawBalance(address(token), stranger);
    }

    function test_withdrawsNative() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        vm.prank(owner.addr);
        escrow.withdrawBalance(NATIVE, owner.addr);
        assertEq(owner.addr.balance, ref.terms.licenseFee * 9 / 10);
        assertEq(escrow.balanceOf(NATIVE, owner.addr), 0);
    }

    function test_fees_revertWhen_notRegistry() public {
        LicenseRef memory ref = _ref(_terms());
        bytes memory reason =
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_OnlyRegistry.selector, host.addr);
        vm.startPrank(host.addr);
        vm.expectRevert(reason);
        escrow.holdFee(0, host.addr, address(token), 1);
        vm.expectRevert(reason);
        escrow.releaseFee(ref);
        vm.expectRevert(reason);
        escrow.refundFee(0, host.addr, address(token));
    }

    function test_fees_revertWhen_noAmount() public {
        vm.expectRevert(IPaymentEscrow.PaymentEscrow_NoAmount.selector);
        vm.prank(address(registry));
        escrow.holdFee(0, host.addr, address(token), 0);
    }

    function test_fees_revertWhen_alreadyHeld() public {
        (, bytes32 id) = _acquired(_terms());
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_FeeAlreadyHeld.selector, id)
        );
        vm.prank(address(registry));
        escrow.holdFee(id, host.addr, address(token), 1);
    }

    function test_fees_releasedOnce() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        vm.startPrank(address(registry));
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.FeeReleased(id, 45 ether, 5 ether);
        escrow.releaseFee(ref);
        bytes memory reason =
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_NoFeeHeld.selector, id);
        vm.expectRevert(reason);
        escrow.releaseFee(ref);
        vm.expectRevert(reason);
        escrow.refundFee(id, host.addr, address(token));
    }

    function test_fees_refundedOnce() public {
        (, bytes32 id) = _acquired(_terms());
        uint256 balanceBefore = token.balanceOf(host.addr);
        vm.startPrank(address(registry));
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.FeeRefunded(id, host.addr, 50 ether);
        escrow.refundFee(id, host.addr, address(token));
        assertEq(token.balanceOf(host.addr), balanceBefore + 50 ether);
        vm.expectRevert(abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_NoFeeHeld.selector, id));
        escrow.refundFee(id, host.addr, address(token));
    }
}
