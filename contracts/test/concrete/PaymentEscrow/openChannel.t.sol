// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import { LicenseRef, NATIVE } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract PaymentEscrow_openChannel is LicensingTest {
    function test_revertWhen_noAmount() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(IPaymentEscrow.PaymentEscrow_NoAmount.selector);
        _channel(ref, address(0), 0);
        _channel(ref);
        vm.expectRevert(IPaymentEscrow.PaymentEscrow_NoAmount.selector);
        escrow.deposit(ref, payer.addr, address(0), 0, 0);
    }

    function test_revertWhen_notActive() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        bytes memory reason =
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_LicenseNotActive.selector, id);
        vm.expectRevert(reason);
        _channel(ref);
        _deliver(ref);
        vm.warp(registry.license(id).deadline + 1);
        vm.expectRevert(reason);
        _channel(ref);
    }

    function test_revertWhen_exists() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_ChannelExists.selector, channelId)
        );
        _channel(ref);
    }

    function test_revertWhen_valueWrong() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 0));
        vm.prank(payer.addr);
        escrow.openChannel{ value: 1 }(ref, address(0), 0, 1);
    }

    function test_revertWhen_nativeValueWrong() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 2));
        vm.prank(payer.addr);
        escrow.openChannel{ value: 1 }(ref, address(0), 0, 2);
    }

    function test_revertWhen_depositingIntoUnknown() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        bytes32 channelId = escrow.channelIdOf(id, payer.addr, address(0), 0);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_UnknownChannel.selector, channelId)
        );
        vm.prank(payer.addr);
        escrow.deposit(ref, payer.addr, address(0), 0, 1);
    }

    function test_revertWhen_closed() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        vm.prank(host.addr);
        escrow.close(ref, payer.addr, address(0), 0, DEPOSIT, 0, "");
        vm.startPrank(payer.addr);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_ChannelClosed.selector, channelId)
        );
        escrow.deposit(ref, payer.addr, address(0), 0, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_ChannelExists.selector, channelId)
        );
        escrow.openChannel(ref, address(0), 0, 1);
    }

    function test_opens() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        bytes32 salt = keccak256("salt");
        bytes32 expected = keccak256(
            abi.encode(block.chainid, address(escrow), id, payer.addr, session.addr, salt)
        );
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ChannelOpened(
            expected, id, payer.addr, session.addr, salt, address(token), ref.terms.thawPeriod
        );
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ChannelDeposited(expected, DEPOSIT, DEPOSIT);
        vm.prank(payer.addr);
        bytes32 channelId = escrow.openChannel(ref, session.addr, salt, DEPOSIT);

        assertEq(channelId, expected);
        IPaymentEscrow.Channel memory c = escrow.channel(channelId);
        assertEq(c.deposited, DEPOSIT);
        assertEq(c.thawEnd, 0);
        assertEq(uint256(c.status), uint256(IPaymentEscrow.ChannelStatus.Open));
        assertEq(c.claimed, 0);
        assertEq(token.balanceOf(address(escrow)), ref.terms.licenseFee + DEPOSIT);
    }

    function test_keepsSaltsAndSignersApart() public {
        (LicenseRef memory ref,) = _active();
        bytes32 first = _channel(ref);
        bytes32 second = _channel(ref, session.addr, 1);
        vm.prank(payer.addr);
        bytes32 third = escrow.openChannel(ref, address(0), bytes32(uint256(1)), 2);
        assertNotEq(first, second);
        assertNotEq(first, third);
        assertEq(escrow.channel(first).deposited, DEPOSIT);
        assertEq(escrow.channel(second).deposited, 1);
        assertEq(escrow.channel(third).deposited, 2);
    }

    function test_depositsForAnother() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.ChannelDeposited(channelId, 1 ether, DEPOSIT + 1 ether);
        vm.prank(stranger);
        escrow.deposit(ref, payer.addr, address(0), 0, 1 ether);
        assertEq(escrow.channel(channelId).deposited, DEPOSIT + 1 ether);
    }

    function test_depositsInNative() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        bytes32 channelId = _channel(ref);
        vm.prank(stranger);
        escrow.deposit{ value: 1 ether }(ref, payer.addr, address(0), 0, 1 ether);
        assertEq(escrow.channel(channelId).deposited, DEPOSIT + 1 ether);
        assertEq(address(escrow).balance, ref.terms.licenseFee + DEPOSIT + 1 ether);
    }

    function test_revertWhen_tooLarge() public {
        (LicenseRef memory ref,) = _active();
        uint128 amount = uint128(type(uint96).max) + 1;
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentEscrow.PaymentEscrow_TooLarge.selector, amount)
        );
        vm.prank(payer.addr);
        escrow.openChannel(ref, address(0), 0, amount);
        _channel(ref);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_TooLarge.selector, DEPOSIT + type(uint96).max
            )
        );
        vm.prank(payer.addr);
        escrow.deposit(ref, payer.addr, address(0), 0, type(uint96).max);
    }

    function test_depositLeavesThaw() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        vm.startPrank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        uint40 thawEnd = escrow.channel(channelId).thawEnd;
        skip(1 days);
        escrow.deposit(ref, payer.addr, address(0), 0, 1);
        assertEq(escrow.channel(channelId).thawEnd, thawEnd);
    }
}
