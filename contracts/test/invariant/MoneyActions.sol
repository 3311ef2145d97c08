// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef } from "../../src/libraries/Types.sol";
import { HandlerBase } from "./HandlerBase.sol";

/// @title Channels, vouchers, claims and balances
abstract contract MoneyActions is HandlerBase {
    struct VoucherInput {
        uint128 amount;
        uint64 requests;
        uint64 tokens;
        bool forged;
    }

    function openChannel(uint256 i, uint128 amount) external step {
        if (_licenseGhosts.length == 0 || _channelGhosts.length == MAX_CHANNELS) return;
        i = bound(i, 0, _licenseGhosts.length - 1);
        LicenseGhost storage l = _licenseGhosts[i];
        if (!registry.isActive(l.id, uint40(vm.getBlockTimestamp()))) return;
        amount = uint128(bound(amount, 1, 60 ether));
        bytes32 salt = bytes32(_channelGhosts.length);
        LicenseRef memory ref = _refOf(l);
        vm.prank(payer.addr);
        bytes32 id =
            escrow.openChannel{ value: l.native ? amount : 0 }(ref, session.addr, salt, amount);
        ChannelGhost storage g = _channelGhosts.push();
        (g.id, g.license, g.salt) = (id, i, salt);
    }

    function depositToChannel(uint256 i, uint128 amount) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found) return;
        LicenseGhost storage l = _licenseGhosts[g.license];
        amount = uint128(bound(amount, 1, 20 ether));
        LicenseRef memory ref = _refOf(l);
        vm.prank(stranger);
        escrow.deposit{ value: l.native ? amount : 0 }(
            ref, payer.addr, session.addr, g.salt, amount
        );
    }

    function thawChannel(uint256 i) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found || escrow.channel(g.id).thawEnd != 0) return;
        LicenseRef memory ref = _refOf(_licenseGhosts[g.license]);
        vm.prank(payer.addr);
        escrow.startThaw(ref, session.addr, g.salt);
    }

    function withdrawChannel(uint256 i) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found) return;
        IPaymentEscrow.Channel memory c = escrow.channel(g.id);
        LicenseRef memory ref = _refOf(_licenseGhosts[g.license]);
        vm.prank(payer.addr);
        try escrow.withdraw(ref, session.addr, g.salt) {
            assertTrue(c.thawEnd != 0 && vm.getBlockTimestamp() >= c.thawEnd, "E6: not thawed");
        } catch { }
    }

    /// @dev Claims a batch of vouchers, good and bad, of one license. Must never revert.
    function claim(uint256 i, VoucherInput[3] memory inputs) external step {
        (bool found, ChannelGhost storage first) = _pickChannel(i);
        if (!found) return;
        uint256 license = first.license;
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](inputs.length);
        for (uint256 j = 0; j < inputs.length; ++j) {
            (, ChannelGhost storage g) = _pickChannel((i % 1000) + j);
            rows[j] = _sign(g, inputs[j]);
        }
        LicenseRef memory ref = _refOf(_licenseGhosts[license]);
        escrow.claim(ref, rows);
    }

    function reserve(uint256 i, VoucherInput memory input) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found) return;
        IPaymentEscrow.ClaimRow memory row = _sign(g, input);
        LicenseRef memory ref = _refOf(_licenseGhosts[g.license]);
        try escrow.reserve(ref, row) {
            assertFalse(input.forged, "E7: reserved by a forged voucher");
        } catch { }
    }

    function closeChannel(uint256 i, uint128 amount) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found) return;
        amount = uint128(bound(amount, 0, 40 ether));
        LicenseRef memory ref = _refOf(_licenseGhosts[g.license]);
        vm.prank(host.addr);
        try escrow.close(ref, payer.addr, session.addr, g.salt, amount, "") {
            assertGe(escrow.channel(g.id).deposited, amount, "E6: paid back what was kept");
        } catch (bytes memory reason) {
            assertEq(
                bytes32(bytes4(reason)),
                bytes32(IPaymentEscrow.PaymentEscrow_NothingToClose.selector)
            );
        }
    }

    function pull(uint256 who, bool native) external step {
        address account = [host.addr, owner.addr, parentOwner.addr][bound(who, 0, 2)];
        address currency = _currency(native);
        if (escrow.balanceOf(currency, account) == 0) return;
        vm.prank(account);
        pulled[native] += escrow.withdrawBalance(currency, account);
    }

    /// @dev Growth is kept near the price, so that a good part of the vouchers is accepted.
    function _sign(ChannelGhost storage g, VoucherInput memory input)
        private
        returns (IPaymentEscrow.ClaimRow memory row)
    {
        row.payer = payer.addr;
        row.signer = session.addr;
        row.salt = g.salt;
        row.cumulativeAmount = g.claimed + uint128(bound(input.amount, 0, 30 ether));
        row.cumulativeRequests = uint64(bound(input.requests, 0, 5000));
        row.cumulativeTokens = uint64(bound(input.tokens, 0, 5_000_000));
        row.requestHash = REQUEST;
        bytes32 digest = escrow.voucherDigest(
            g.id, row.cumulativeAmount, row.cumulativeRequests, row.cumulativeTokens, REQUEST
        );
        row.signature = signature(input.forged ? host.key : session.key, digest);
        if (input.forged) return row;
        if (row.cumulativeAmount > g.signedAmount) g.signedAmount = row.cumulativeAmount;
    }

    function _pickChannel(uint256 i) private view returns (bool found, ChannelGhost storage g) {
        uint256 count = _channelGhosts.length;
        found = count != 0;
        g = _channelGhosts[found ? bound(i, 0, count - 1) : 0];
    }
}
