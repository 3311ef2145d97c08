// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, NATIVE, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract PaymentEscrow_balances is LicensingTest {
    function test_revertWhen_noRecipient() public {
        address[3] memory nobody = [address(0), address(escrow), address(vault)];
        for (uint256 i = 0; i < nobody.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPaymentEscrow.PaymentEscrow_BadRecipient.selector, nobody[i]
                )
            );
            escrow.withdrawBalance(address(token), nobody[i]);
        }
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

    /// @dev Not even one unit is lost.
    function test_creditsASingleUnit() public {
        Terms memory terms = _terms();
        terms.licenseFee = 10;
        _active(terms);
        assertEq(escrow.balanceOf(address(token), parentOwner.addr), 1, "a tenth of ten");
        assertEq(escrow.balanceOf(address(token), owner.addr), 9, "the rest");
        terms.licenseFee = 1;
        _active(terms);
        assertEq(escrow.balanceOf(address(token), parentOwner.addr), 1, "a tenth of one");
        assertEq(escrow.balanceOf(address(token), owner.addr), 10, "one more");
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
        escrow.releaseFee(ref, 1);
        vm.expectRevert(reason);
        escrow.takeFee(ref);
    }

    function test_receive_revertWhen_notVault() public {
        vm.prank(host.addr);
        (bool ok, bytes memory reason) = address(escrow).call{ value: 1 }("");
        assertFalse(ok);
        assertEq(
            reason,
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_OnlyVault.selector, host.addr)
        );
    }

    function test_fees_splitOnDelivery() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        assertEq(token.balanceOf(address(escrow)), 0, "with the vault until then");
        _deliver(ref);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.FeeReleased(id, 45 ether, 5 ether);
        registry.releaseFee(ref);
        assertEq(token.balanceOf(address(escrow)), 50 ether, "fee");
        assertEq(token.balanceOf(address(vault)), ref.terms.collateral, "collateral");
        assertEq(escrow.balanceOf(address(token), owner.addr), 45 ether, "owner");
        assertEq(escrow.balanceOf(address(token), parentOwner.addr), 5 ether, "parent");
    }
}
