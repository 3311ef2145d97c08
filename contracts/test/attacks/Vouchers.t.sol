// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { LicenseRef } from "../../src/libraries/Types.sol";
import { ContractSigner } from "../utils/ContractSigner.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev Attacks on payment by vouchers, named after where they were seen.
contract VoucherAttacks is LicensingTest {
    /// @dev Livepeer #657: a deposit of one wei makes the ticket pay one wei and burns it.
    function test_dustDepositBurnsNoVoucher() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref, address(0), 1);
        IPaymentEscrow.ClaimRow memory row = _row(ref, 5 ether, 1, 0);
        _expectRejected(channelId, IPaymentEscrow.ClaimError.ExceedsDeposit);
        assertEq(_claim(ref, row), 0);
        assertEq(escrow.channel(channelId).claimed, 0);

        vm.prank(payer.addr);
        escrow.deposit(ref, payer.addr, address(0), 0, 5 ether);
        assertEq(_claim(ref, row), 5 ether);
    }

    /// @dev Anyone may claim: a stranger who redeems an old voucher first takes nothing from the
    /// host.
    function test_oldVoucherRedeemedFirstCostsNothing() public {
        (LicenseRef memory ref,) = _active();
        _channel(ref);
        IPaymentEscrow.ClaimRow memory oldRow = _row(ref, 1 ether, 1, 0);
        IPaymentEscrow.ClaimRow memory newRow = _row(ref, 3 ether, 2, 0);
        vm.prank(stranger);
        assertEq(_claim(ref, oldRow), 1 ether);
        assertEq(_claim(ref, newRow), 2 ether);
        assertEq(escrow.balanceOf(address(token), host.addr), 2.1 ether);
    }

    /// @dev x402 #2559: one unconfirmed or bad row makes every claim of the batch revert.
    function test_oneBadRowBlocksNoOther() public {
        (LicenseRef memory ref,) = _active();
        _channel(ref);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](9);
        for (uint256 i = 0; i < rows.length; ++i) {
            rows[i] = _row(ref, uint128((i + 1) * 0.1 ether), 1, 0);
        }
        ContractSigner.Answer[6] memory answers = [
            ContractSigner.Answer.Refuse,
            ContractSigner.Answer.Revert,
            ContractSigner.Answer.BurnGas,
            ContractSigner.Answer.ReturnMegabytes,
            ContractSigner.Answer.ReturnShort,
            ContractSigner.Answer.ReturnDirty
        ];
        for (uint256 i = 0; i < answers.length; ++i) {
            address signer = address(new ContractSigner(answers[i]));
            _channel(ref, signer, DEPOSIT);
            rows[i] = _row(ref, signer, session.key, 1 ether, 1, 0);
        }
        rows[7].payer = stranger;
        uint256 gasBefore = gasleft();
        assertEq(escrow.claim(ref, rows), 0.9 ether);
        // Two signers burn what they are allowed; nobody burns more.
        assertLt(gasBefore - gasleft(), 800_000);
        assertEq(escrow.balanceOf(address(token), host.addr), 0.63 ether);
    }

    /// @dev Raiden, Livepeer: signatures without chain and contract are good elsewhere too.
    function test_voucherIsGoodOnOneChainOnly() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        bytes32 digest = escrow.voucherDigest(channelId, 1 ether, 1, 0, REQUEST);
        vm.chainId(77);
        assertNotEq(escrow.voucherDigest(channelId, 1 ether, 1, 0, REQUEST), digest);
        assertNotEq(escrow.channelIdOf(_id(ref), payer.addr, address(0), 0), channelId);
    }

    function test_voucherIsGoodInOneEscrowOnly() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        PaymentEscrow other = new PaymentEscrow(address(registry), address(vault));
        assertNotEq(
            other.voucherDigest(channelId, 1 ether, 1, 0, REQUEST),
            escrow.voucherDigest(channelId, 1 ether, 1, 0, REQUEST)
        );
    }

    /// @dev A payer who signs for one host: another host's license makes it another channel.
    function test_voucherIsGoodForOneLicenseOnly() public {
        (LicenseRef memory ref,) = _active();
        _channel(ref);
        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 1, 0);
        LicenseRef memory other = LicenseRef(ref.terms, stranger, 1);
        bytes32 otherId = _acquire(other);
        mine(3);
        registry.drawLicenseSeed(otherId);
        _deliver(other);
        vm.prank(payer.addr);
        escrow.openChannel(other, address(0), 0, DEPOSIT);

        _expectRejected(
            escrow.channelIdOf(otherId, payer.addr, address(0), 0),
            IPaymentEscrow.ClaimError.BadSignature
        );
        assertEq(_claim(other, row), 0);
    }

    /// @dev The other signature of the same key over the same digest is no second payment.
    function test_malleatedSignaturePaysOnce() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 1, 0);
        assertEq(_claim(ref, row), 1 ether);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(payer.key, escrow.voucherDigest(channelId, 1 ether, 1, 0, REQUEST));
        row.signature = abi.encodePacked(r, bytes32(SECP256K1_ORDER - uint256(s)), v ^ 1);
        _expectRejected(channelId, IPaymentEscrow.ClaimError.NotIncreasing);
        assertEq(_claim(ref, row), 0);
    }

    /// @dev The payer leaves at once when it has used what it promised to pay for.
    function test_payerCannotWithdrawUnderTheHost() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        bytes32 channelId = _channel(ref);
        IPaymentEscrow.ClaimRow memory row = _row(ref, DEPOSIT, 1, 0);
        vm.startPrank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        uint40 thawEnd = escrow.channel(channelId).thawEnd;
        assertGe(thawEnd, block.timestamp + ref.terms.settlementPeriod);
        vm.warp(thawEnd - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentEscrow.PaymentEscrow_NotThawed.selector, channelId, thawEnd
            )
        );
        escrow.withdraw(ref, address(0), 0);
        vm.stopPrank();
        assertEq(_claim(ref, row), DEPOSIT);

        uint256 balanceBefore = token.balanceOf(payer.addr);
        vm.warp(thawEnd);
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
        assertEq(token.balanceOf(payer.addr), balanceBefore);
    }

    /// @dev Graph Horizon: a stranger's dust deposit must neither restart nor cancel a payer's
    /// thaw.
    function test_strangersDepositDelaysNoThaw() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _channel(ref);
        vm.prank(payer.addr);
        escrow.startThaw(ref, address(0), 0);
        skip(ref.terms.thawPeriod - 1);
        vm.prank(stranger);
        escrow.deposit(ref, payer.addr, address(0), 0, 1);
        skip(1);
        uint256 balanceBefore = token.balanceOf(payer.addr);
        vm.prank(payer.addr);
        escrow.withdraw(ref, address(0), 0);
        assertEq(token.balanceOf(payer.addr), balanceBefore + DEPOSIT + 1);
    }

    /// @dev Two vouchers over the same money: the second takes only what it adds.
    function test_payerCannotOverspend() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        assertEq(_claim(ref, _row(ref, 7 ether, 1, 0)), 7 ether);
        _expectRejected(channelId, IPaymentEscrow.ClaimError.ExceedsDeposit);
        assertEq(_claim(ref, _row(ref, 14 ether, 2, 0)), 0);
        assertEq(escrow.channel(channelId).claimed, 7 ether);
    }

    /// @dev The host and its payer agree to report units below their price, to starve the owner.
    function test_hostCannotSellBelowThePrice() public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        _expectRejected(channelId, IPaymentEscrow.ClaimError.BelowPrice);
        assertEq(_claim(ref, _row(ref, 0.5 ether, 1000, 0)), 0);
        assertEq(escrow.channel(channelId).claimed, 0);
    }

    /// @dev Deposits of a worthless token of 2^96 each must not make a batch overflow.
    function test_hugeDepositsOverflowNoBatch() public {
        (LicenseRef memory ref,) = _active();
        uint128 huge = type(uint96).max;
        token.mint(payer.addr, type(uint256).max - token.totalSupply());
        bytes32 first = _channel(ref, address(0), huge);
        _channel(ref, session.addr, huge);
        vm.prank(payer.addr);
        vault.topUp(ref, huge - ref.terms.collateral);

        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](3);
        rows[0] = _row(ref, session.addr, session.key, huge / 2, 1, 0);
        rows[1] = _row(ref, huge, 1, 0);
        rows[2] = _row(ref, 1, 0, 0);
        _expectRejected(first, IPaymentEscrow.ClaimError.ExceedsCollateralRatio);
        _expectRejected(first, IPaymentEscrow.ClaimError.ExceedsCollateralRatio);
        assertEq(escrow.claim(ref, rows), huge / 2);
    }
}
