// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, NATIVE } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev The whole way of payment: channel, vouchers, claims, split, balances pulled, payer leaves.
contract PaymentFlow is LicensingTest {
    function test_paymentInTokens() public {
        _run(address(token));
    }

    function test_paymentInNative() public {
        _run(NATIVE);
    }

    function _run(address currency) private {
        (LicenseRef memory ref, bytes32 id) = _active(_termsIn(currency));
        uint256 payerBefore = _balance(currency, payer.addr);
        _channel(ref, session.addr, DEPOSIT);

        // Three requests; the host keeps each voucher and claims the newest once a day.
        uint128 amount;
        uint64 tokens;
        IPaymentEscrow.ClaimRow memory newest;
        for (uint64 day = 1; day <= 3; ++day) {
            tokens += day * 1000;
            amount += 0.001 ether + 0.002 ether * uint128(day);
            newest = _row(ref, session.addr, session.key, amount, day, tokens);
            assertGt(_claim(ref, newest), 0);
            skip(1 days);
        }

        // The payer leaves; one more voucher is redeemed in its thaw.
        vm.prank(payer.addr);
        escrow.startThaw(ref, session.addr, 0);
        amount += 0.5 ether;
        _claim(ref, _row(ref, session.addr, session.key, amount, 4, tokens + 1));
        skip(ref.terms.thawPeriod);
        vm.prank(payer.addr);
        escrow.withdraw(ref, session.addr, 0);
        assertEq(_balance(currency, payer.addr), payerBefore - amount);

        // Everybody pulls; nothing is left.
        uint256 paid = _pull(currency, host.addr) + _pull(currency, owner.addr)
            + _pull(currency, parentOwner.addr);
        assertEq(paid, amount + uint256(ref.terms.licenseFee));
        assertEq(_balance(currency, address(escrow)), 0);

        // The host leaves with its collateral.
        vm.startPrank(host.addr);
        registry.terminate(ref);
        vault.startThaw(ref);
        skip(ref.terms.thawPeriod);
        vault.withdraw(ref);
        assertEq(_balance(currency, address(vault)), 0);
    }

    function _pull(address currency, address account) private returns (uint256) {
        vm.prank(account);
        return escrow.withdrawBalance(currency, account);
    }

    function _balance(address currency, address account) private view returns (uint256) {
        return currency == NATIVE ? account.balance : token.balanceOf(account);
    }
}
