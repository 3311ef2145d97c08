// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, NATIVE } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract PaymentEscrow_withdraw is LicensingTest {
    function _thaw(LicenseRef memory ref) private {
        vm.prank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
    }

    function _withdraw(LicenseRef memory ref) private {
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
    }

    function test_revertWhen_notPayers() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _channel(ref);
        bytes memory reason = abi.encodeWithSelector(
            IPaymentEscrow.PaymentEscrow_UnknownChannel.selector,
            escrow.channelIdOf(id, stranger, address(0), 0)
        );
        vm.startPrank(stranger);
        vm.expectRevert(reason);
        escrow.startThaw(ref, address(0), 0);
        vm.expectRevert(reason);
        escrow.withdraw(ref, address(0), 0);
    }

    function test_revertWhen_thawing() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        bytes32 channelId = _channel(ref);
        _thaw(ref);
        uint40 thawEnd = escrow.channel(channelId).thawEnd;
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_AlreadyThawing.selector, channelId, thawEnd
            )
        );
        _thaw(ref);
    }

    function test_revertWhen_notThawed() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        bytes32 channelId = _channel(ref);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_NotThawed.selector, channelId, 0)
        );
        _withdraw(ref);
        _thaw(ref);
        uint40 thawEnd = escrow.channel(channelId).thawEnd;
        vm.warp(thawEnd - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_NotThawed.selector, channelId, thawEnd
            )
        );
        _withdraw(ref);
    }

    function test_withdraws() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        uint256 balanceBefore = token.balanceOf(payer.addr);
        bytes32 channelId = _channel(ref);
        uint40 thawEnd = uint40(block.timestamp) + ref.terms.thawPeriod;
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ChannelThawing(channelId, thawEnd);
        _thaw(ref);
        assertEq(_claim(ref, _row(ref, 4 ether, 1, 0)), 4 ether);

        vm.warp(thawEnd);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ChannelWithdrawn(channelId, payer.addr, 6 ether);
        _withdraw(ref);
        assertEq(token.balanceOf(payer.addr), balanceBefore - 4 ether);
        assertEq(escrow.channel(channelId).deposited, 4 ether);
        assertEq(escrow.channel(channelId).claimed, 4 ether);
        assertEq(escrow.channel(channelId).thawEnd, 0);
    }

    function test_withdrawsInNative() public {
        (LicenseRef memory ref, bytes32 id) = _active(_termsIn(NATIVE));
        uint256 balanceBefore = payer.addr.balance;
        _channel(ref);
        _thaw(ref);
        skip(ref.terms.thawPeriod);
        _withdraw(ref);
        assertEq(payer.addr.balance, balanceBefore);
    }

    function test_closesTheChannel() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        escrow.reserve(ref, _row(ref, 4 ether, 1, 0));
        _thaw(ref);
        skip(ref.terms.thawPeriod);
        _withdraw(ref);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_ChannelClosed.selector, channelId)
        );
        vm.prank(payer.addr);
        escrow.deposit(ref, payer.addr, address(0), 0, 2 ether);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_NotThawed.selector, channelId, 0)
        );
        _withdraw(ref);

        // Leaving once more brings nothing, and takes nothing from the reservation.
        _thaw(ref);
        skip(ref.terms.thawPeriod);
        uint256 balanceBefore = token.balanceOf(payer.addr);
        _withdraw(ref);
        assertEq(token.balanceOf(payer.addr), balanceBefore);
        assertEq(_claim(ref, _row(ref, 4 ether, 1, 0)), 4 ether);
    }

    function test_withdrawsAfterTheLicense() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _channel(ref);
        vm.prank(proofs);
        registry.terminateFor(id);
        _thaw(ref);
        skip(ref.terms.thawPeriod);
        uint256 balanceBefore = token.balanceOf(payer.addr);
        _withdraw(ref);
        assertEq(token.balanceOf(payer.addr), balanceBefore + DEPOSIT);
    }
}
