// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { LicenseRef, LicenseStatus } from "../../src/libraries/Types.sol";
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
        if (escrow.channel(g.id).status == IPaymentEscrow.ChannelStatus.Closed) return;
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
        // The host has seen the thaw, and had time.
        if (c.thawEnd != 0 && g.served > escrow.declared(g.id)) _reserveServed(g);
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
        _claimRows(license, rows);
    }

    /// @dev E9: whatever is claimed within a settlement period is covered as the terms say, until
    /// the license has ended one ago.
    function _claimRows(uint256 license, IPaymentEscrow.ClaimRow[] memory rows) private {
        LicenseRef memory ref = _refOf(_licenseGhosts[license]);
        uint256 time = vm.getBlockTimestamp();
        uint128 total = escrow.claim(ref, rows);
        ClaimGhost[] storage claims = _claims[license];
        claims.push(ClaimGhost(time, total));
        (, uint40 end) = registry.licenseState(_licenseGhosts[license].id);
        if (total == 0 || time > uint256(end) + ref.terms.settlementPeriod) return;
        uint256 lately;
        for (uint256 j = claims.length; j != 0; --j) {
            if (claims[j - 1].time + ref.terms.settlementPeriod <= time) break;
            lately += claims[j - 1].amount;
        }
        uint256 left = vault.collateral(ref).amount;
        assertLe(lately * ref.terms.minCollateralRatioBps, left * 10_000, "E9: not covered");
    }

    /// @dev The host serves as long as nothing says that the payer leaves.
    function serve(uint256 i, uint128 amount) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found || g.word.signature.length != 0) return;
        IPaymentEscrow.Channel memory c = escrow.channel(g.id);
        if (c.status != IPaymentEscrow.ChannelStatus.Open || c.thawEnd != 0) return;
        if (g.served < c.deposited) g.served = uint128(bound(amount, g.served, c.deposited));
        if (g.served > g.signedAmount) g.signedAmount = g.served;
    }

    /// @dev The host claims, or else reserves, what it has served.
    function settle(uint256 i, bool claims) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found || g.served <= escrow.declared(g.id)) return;
        if (!claims) return _reserveServed(g);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = _voucher(g, g.served, 0, 0, session.key);
        _claimRows(g.license, rows);
    }

    /// @dev Anyone claims what is reserved without a signature: whole, as far as there is room, or
    /// what it likes.
    function claimReserved(uint256 i, uint8 how, uint128 amount) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found) return;
        uint128 reserved = escrow.reserved(g.id);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        amount = uint128(bound(amount, 0, 2 * uint256(reserved)));
        uint128 room = escrow.claimable(_refOf(_licenseGhosts[g.license]));
        if (how % 3 == 0) amount = reserved;
        else if (how % 3 == 1 && room < reserved) amount = g.claimed + room;
        rows[0] = _voucher(g, amount, 0, 0, host.key);
        _claimRows(g.license, rows);
        assertLe(
            escrow.channel(g.id).claimed,
            g.claimed > reserved ? g.claimed : reserved,
            "E7: unsigned"
        );
    }

    function _reserveServed(ChannelGhost storage g) private {
        IPaymentEscrow.ClaimRow memory row = _voucher(g, g.served, 0, 0, session.key);
        escrow.reserve(_refOf(_licenseGhosts[g.license]), row);
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

    /// @dev A payer keeps the host's word for as long as it likes.
    function signClose(uint256 i, uint128 amount) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found || g.word.signature.length != 0) return;
        uint128 deposited = escrow.channel(g.id).deposited;
        uint128 last = uint128(bound(amount, g.served, deposited));
        bytes32 digest = escrow.closeDigest(g.id, deposited, last);
        g.word = CloseGhost(deposited, last, signature(host.key, digest));
    }

    /// @dev Whoever brings the host's word, whenever, as often as it likes.
    function bringClose(uint256 i) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found || g.word.signature.length == 0) return;
        _close(g, g.word, stranger);
    }

    function closeChannel(uint256 i, uint128 amount) external step {
        (bool found, ChannelGhost storage g) = _pickChannel(i);
        if (!found) return;
        uint128 deposited = escrow.channel(g.id).deposited;
        CloseGhost memory word;
        (word.deposited, word.finalAmount) =
        (deposited, uint128(bound(amount, g.served, deposited)));
        _close(g, word, host.addr);
    }

    /// @dev E6: pays back no more than the host has named, and once.
    function _close(ChannelGhost storage g, CloseGhost memory word, address by) private {
        LicenseRef memory ref = _refOf(_licenseGhosts[g.license]);
        bool native = _licenseGhosts[g.license].native;
        uint256 had = native ? payer.addr.balance : token.balanceOf(payer.addr);
        bool open = g.last == IPaymentEscrow.ChannelStatus.Open;
        vm.prank(by);
        try escrow.close(
            ref, payer.addr, session.addr, g.salt, word.deposited, word.finalAmount, word.signature
        ) {
            uint256 has = native ? payer.addr.balance : token.balanceOf(payer.addr);
            assertTrue(open, "E8: closed again");
            assertLe(has - had, word.deposited - word.finalAmount, "E6: paid back what was kept");
        } catch (bytes memory reason) {
            assertEq(
                bytes32(bytes4(reason)),
                bytes32(
                    open
                        ? IPaymentEscrow.PaymentEscrow_NothingToClose.selector
                        : IPaymentEscrow.PaymentEscrow_ChannelClosed.selector
                )
            );
        }
    }

    /// @dev E10: whatever has happened, all the money can be brought to somebody.
    function payersLeave() external step {
        for (uint256 i = 0; i < _licenseGhosts.length; ++i) {
            _endLicense(_licenseGhosts[i]);
        }
        for (uint256 i = 0; i < _channelGhosts.length; ++i) {
            ChannelGhost storage g = _channelGhosts[i];
            if (escrow.channel(g.id).thawEnd == 0) {
                LicenseRef memory ref = _refOf(_licenseGhosts[g.license]);
                vm.prank(payer.addr);
                escrow.startThaw(ref, session.addr, g.salt);
            }
        }
        skip(400 days);
        for (uint256 i = 0; i < _channelGhosts.length; ++i) {
            _leaveChannel(_channelGhosts[i]);
        }
        for (uint256 i = 0; i < _licenseGhosts.length; ++i) {
            LicenseRef memory ref = _refOf(_licenseGhosts[i]);
            if (_licenseGhosts[i].held + _licenseGhosts[i].due != 0) registry.releaseFee(ref);
            if (vault.collateral(ref).amount == 0) continue;
            vm.prank(host.addr);
            vault.withdraw(ref);
        }
        for (uint256 i = 0; i < vault.payoutCount(); ++i) {
            if (vault.payout(i).amount != 0) vault.payOut(i);
        }
        address[3] memory people_ = [host.addr, owner.addr, parentOwner.addr];
        for (uint256 i = 0; i < 6; ++i) {
            address currency = _currency(i % 2 == 0);
            address account = people_[i / 2];
            if (escrow.balanceOf(currency, account) == 0) continue;
            vm.prank(account);
            escrow.withdrawBalance(currency, account);
        }
    }

    function _endLicense(LicenseGhost storage g) private {
        LicenseRef memory ref = _refOf(g);
        (LicenseStatus status, uint40 deadline) = registry.licenseState(g.id);
        if (status < LicenseStatus.Active) {
            if (vm.getBlockTimestamp() <= deadline) vm.warp(uint256(deadline) + 1);
            vm.prank(host.addr);
            registry.cancel(ref);
            return;
        }
        if (status == LicenseStatus.Active) {
            vm.prank(host.addr);
            registry.terminate(ref);
        }
        if (status == LicenseStatus.Cancelled || vault.collateral(ref).thawEnd != 0) return;
        vm.prank(host.addr);
        vault.startThaw(ref);
    }

    /// @dev Somebody claims what is reserved, without any signature; the payer takes the rest.
    function _leaveChannel(ChannelGhost storage g) private {
        LicenseRef memory ref = _refOf(_licenseGhosts[g.license]);
        uint128 declared = escrow.declared(g.id);
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = _voucher(g, declared, 0, 0, host.key);
        escrow.claim(ref, rows);
        assertEq(escrow.channel(g.id).claimed, declared, "E10: reserved and stranded");
        vm.prank(payer.addr);
        escrow.withdraw(ref, session.addr, g.salt);
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
        row = _voucher(
            g,
            g.claimed + uint128(bound(input.amount, 0, 30 ether)),
            uint64(bound(input.requests, 0, 5000)),
            uint64(bound(input.tokens, 0, 5_000_000)),
            input.forged ? host.key : session.key
        );
        if (input.forged) return row;
        if (row.cumulativeAmount > g.signedAmount) g.signedAmount = row.cumulativeAmount;
    }

    function _voucher(
        ChannelGhost storage g,
        uint128 amount,
        uint64 requests,
        uint64 tokens,
        uint256 key
    ) private view returns (IPaymentEscrow.ClaimRow memory) {
        bytes32 digest = escrow.voucherDigest(g.id, amount, requests, tokens, REQUEST);
        return IPaymentEscrow.ClaimRow({
            payer: payer.addr,
            signer: session.addr,
            salt: g.salt,
            cumulativeAmount: amount,
            cumulativeRequests: requests,
            cumulativeTokens: tokens,
            requestHash: REQUEST,
            signature: signature(key, digest)
        });
    }

    function _pickChannel(uint256 i) private view returns (bool found, ChannelGhost storage g) {
        uint256 count = _channelGhosts.length;
        found = count != 0;
        g = _channelGhosts[found ? bound(i, 0, count - 1) : 0];
    }
}
