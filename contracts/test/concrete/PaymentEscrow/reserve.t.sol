// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract PaymentEscrow_reserve is LicensingTest {
    bytes32 private channelId;

    function _open() private returns (LicenseRef memory ref) {
        (ref,) = _active();
        channelId = _channel(ref);
    }

    function _leave(LicenseRef memory ref) private returns (uint256 got) {
        uint256 before = token.balanceOf(payer.addr);
        vm.startPrank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        skip(ref.terms.thawPeriod);
        escrow.withdraw(ref, address(0), 0);
        vm.stopPrank();
        return token.balanceOf(payer.addr) - before;
    }

    function test_revertWhen_rejected() public {
        LicenseRef memory ref = _open();
        IPaymentEscrow.ClaimRow memory row = _row(ref, DEPOSIT + 1, 1, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_Rejected.selector,
                channelId,
                IPaymentEscrow.ClaimError.ExceedsDeposit
            )
        );
        escrow.reserve(ref, row);
        row = _row(ref, 1 ether, 1, 0);
        row.signature = hex"00";
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_Rejected.selector,
                channelId,
                IPaymentEscrow.ClaimError.BadSignature
            )
        );
        escrow.reserve(ref, row);
    }

    function test_revertWhen_notIncreasing() public {
        LicenseRef memory ref = _open();
        escrow.reserve(ref, _row(ref, 2 ether, 2, 0));
        IPaymentEscrow.ClaimRow memory row = _row(ref, 2 ether, 1, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_NotIncreasing.selector, channelId, 2 ether
            )
        );
        escrow.reserve(ref, row);
    }

    function test_reserves() public {
        LicenseRef memory ref = _open();
        IPaymentEscrow.ClaimRow memory row = _row(ref, 4 ether, 1, 0);
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.VoucherReserved(channelId, 4 ether);
        vm.prank(stranger);
        escrow.reserve(ref, row);
        assertEq(escrow.reserved(channelId), 4 ether);
        assertEq(escrow.declared(channelId), 4 ether, "declared");
        assertEq(escrow.channel(channelId).claimed, 0, "claims nothing");
    }

    function test_outlivesTheWithdrawal() public {
        LicenseRef memory ref = _open();
        IPaymentEscrow.ClaimRow memory row = _row(ref, 4 ether, 1, 0);
        escrow.reserve(ref, row);
        assertEq(_leave(ref), DEPOSIT - 4 ether, "the rest");
        assertEq(_claim(ref, row), 4 ether, "claimed afterwards");
        assertEq(token.balanceOf(address(escrow)), 54 ether, "fee and claim, split into balances");
    }

    function test_countsTheLargerOfClaimAndReservation() public {
        LicenseRef memory ref = _open();
        escrow.reserve(ref, _row(ref, 2 ether, 1, 0));
        _claim(ref, _row(ref, 3 ether, 1, 0));
        assertEq(escrow.declared(channelId), 3 ether);
        assertEq(_leave(ref), DEPOSIT - 3 ether);
    }

    /// @dev What the collateral does not cover now is safe until the host tops up.
    function test_savesWhatTheRatioRefuses() public {
        Terms memory terms = _terms();
        terms.collateral = 1 ether;
        (LicenseRef memory ref,) = _active(terms);
        channelId = _channel(ref);
        IPaymentEscrow.ClaimRow memory row = _row(ref, 8 ether, 1, 0);
        assertEq(_claim(ref, row), 0, "refused");
        escrow.reserve(ref, row);
        assertEq(_leave(ref), DEPOSIT - 8 ether);
        vm.prank(host.addr);
        vault.topUp(ref, 100 ether);
        assertEq(_claim(ref, row), 8 ether, "claimed");
    }
}
