// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { BURN, LicenseRef, Parent, Royalty, Terms } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev Every split gives out exactly what it takes, whatever the terms.
contract MoneyFuzz is LicensingTest {
    function testFuzz_claimSplitsAll(uint16 shareBps, uint16 parentBps, uint128 amount) public {
        shareBps = uint16(bound(shareBps, 0, 10_000));
        parentBps = uint16(bound(parentBps, 1, 10_000));
        amount = uint128(bound(amount, 1, 50 ether));
        (LicenseRef memory ref,) = _childActive(shareBps, parentBps);
        _channel(ref, address(0), amount);
        assertEq(_claim(ref, _row(ref, amount, 0, 0)), amount);

        uint256 ownerShare = uint256(amount) * shareBps / 10_000;
        uint256 parentShare = ownerShare * parentBps / 10_000;
        assertEq(escrow.balanceOf(address(token), host.addr), amount - ownerShare);
        assertEq(escrow.balanceOf(address(token), parentOwner.addr), parentShare);
        assertEq(escrow.balanceOf(address(token), owner.addr), ownerShare - parentShare);
        assertEq(token.balanceOf(address(escrow)), amount);
    }

    /// @dev A license without fee of a model whose parent gets `parentBps`.
    function _childActive(uint16 shareBps, uint16 parentBps)
        private
        returns (LicenseRef memory ref, bytes32 id)
    {
        Parent[] memory parents = new Parent[](1);
        parents[0] = Parent(parentModel, parentBps);
        vm.startPrank(owner.addr);
        bytes32 child = registry.registerModel(keccak256("child"), METADATA, parents);
        registry.commitUniverse(child, ROOT, 16, 0);
        vm.stopPrank();
        Terms memory terms = _terms();
        terms.modelId = child;
        terms.licenseFee = 0;
        terms.ownerShareBps = shareBps;
        terms.royalties[0] = Royalty(parentOwner.addr, parentBps);
        return _active(terms);
    }

    function testFuzz_slashSplitsAll(
        uint16 bps,
        uint16 reporterBps,
        uint16 ownerBps,
        uint128 collateral
    ) public {
        bps = uint16(bound(bps, 0, 10_000));
        Terms memory terms = _terms();
        terms.slash.reporterBps = uint16(bound(reporterBps, 0, 5000));
        terms.slash.ownerBps = uint16(bound(ownerBps, 0, 8000 - terms.slash.reporterBps));
        terms.collateral = uint128(bound(collateral, 1, 900_000 ether));
        (LicenseRef memory ref, bytes32 id) = _active(terms);
        vm.prank(proofs);
        (uint128 slashed, uint128 toReporter, uint128 toOwner) =
            vault.slash(ref, _how(ref, bps, reporter, 1 days));

        assertLe(slashed, terms.collateral);
        assertEq(slashed, uint256(terms.collateral) * bps / 10_000);
        assertEq(vault.collateral(ref).amount, terms.collateral - slashed);
        assertEq(token.balanceOf(BURN), slashed - toReporter - toOwner);
        assertLe(toReporter, slashed / 2);
        uint256 queued;
        for (uint256 i = 0; i < vault.payoutCount(); ++i) {
            ICollateralVault.Payout memory p = vault.payout(i);
            queued += p.amount;
        }
        assertEq(queued, uint256(toReporter) + toOwner);
        assertEq(token.balanceOf(address(vault)), terms.collateral - slashed + queued);
    }

    /// @dev The price floor is exactly requests × price + tokens × price / 1,000, rounded down.
    function testFuzz_claimAtThePrice(
        uint64 requests,
        uint64 tokens,
        uint64 perRequest,
        uint64 perThousand
    ) public {
        Terms memory terms = _terms();
        terms.pricePerRequest = perRequest;
        terms.pricePerThousandTokens = perThousand;
        terms.minCollateralRatioBps = 1;
        requests = uint64(bound(requests, 0, 1000));
        tokens = uint64(bound(tokens, 0, 1_000_000));
        uint256 price = uint256(perRequest) * requests + uint256(perThousand) * tokens / 1000;
        vm.assume(price > 1);
        token.mint(payer.addr, price);
        (LicenseRef memory ref, bytes32 id) = _active(terms);
        vm.prank(payer.addr);
        vault.topUp(ref, 1_000_000 ether);
        bytes32 channelId = _channel(ref, address(0), uint128(price));

        _expectRejected(channelId, IPaymentEscrow.ClaimError.BelowPrice);
        assertEq(_claim(ref, _row(ref, uint128(price) - 1, requests, tokens)), 0);
        assertEq(_claim(ref, _row(ref, uint128(price), requests, tokens)), price);
        assertEq(escrow.channel(escrow.channelIdOf(id, payer.addr, address(0), 0)).claimed, price);
    }

    /// @dev Whatever the order of growing vouchers, the highest that was good is what is settled.
    function testFuzz_orderOfRowsCostsNothing(uint128[5] memory amounts) public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](5);
        uint128 highest;
        for (uint256 i = 0; i < 5; ++i) {
            amounts[i] = uint128(bound(amounts[i], 1, 2 * DEPOSIT));
            rows[i] = _row(ref, amounts[i], 0, 0);
            if (amounts[i] <= DEPOSIT && amounts[i] > highest) highest = amounts[i];
        }
        assertEq(escrow.claim(ref, rows), highest);
        assertEq(escrow.channel(channelId).claimed, highest);
    }

    /// @dev One changed bit anywhere in a signature makes it worthless.
    function testFuzz_flippedSignatureIsRejected(uint256 bit) public {
        (LicenseRef memory ref,) = _active();
        bytes32 channelId = _channel(ref);
        IPaymentEscrow.ClaimRow memory row = _row(ref, 1 ether, 1, 0);
        bit = bound(bit, 0, 65 * 8 - 1);
        row.signature[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _expectRejected(channelId, IPaymentEscrow.ClaimError.BadSignature);
        assertEq(_claim(ref, row), 0);
    }
}
