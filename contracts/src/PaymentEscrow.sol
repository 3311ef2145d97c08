// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { EIP712 } from "solady/utils/EIP712.sol";

import { ICollateralVault } from "./interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "./interfaces/IPaymentEscrow.sol";
import { Currency } from "./libraries/Currency.sol";
import { RowPage } from "./libraries/RowPage.sol";
import { Shares } from "./libraries/Shares.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { BPS, LicenseRef, Royalty, Terms } from "./libraries/Types.sol";
import { Vouchers } from "./libraries/Vouchers.sol";

/// @title Payers' channels, batched claims of vouchers, atomic split, pulled balances
/// @dev Immutable: no owner, no proxy. In every currency the unclaimed deposits and the balances together never exceed
/// the escrow's balance of it.
contract PaymentEscrow is IPaymentEscrow, ReentrancyGuardTransient, EIP712 {
    /// @dev Places of `claimed` and `isOpen` in a channel's slot.
    uint256 private constant CLAIMED = 96;
    uint256 private constant OPEN = 232;

    ILicenseRegistry private immutable REGISTRY;
    ICollateralVault private immutable VAULT;

    mapping(bytes32 channelId => Channel) private _channels;
    mapping(address currency => mapping(address account => uint256)) private _balances;
    /// @dev Apart from the channel, which stays one slot: few channels ever need it.
    mapping(bytes32 channelId => uint96) private _reserved;

    modifier onlyRegistry() {
        require(msg.sender == address(REGISTRY), PaymentEscrow_OnlyRegistry(msg.sender));
        _;
    }

    /// @param registry knows licenses; @param vault knows the collateral behind claims
    constructor(address registry, address vault) {
        REGISTRY = ILicenseRegistry(registry);
        VAULT = ICollateralVault(vault);
    }

    /* -------------------------------- channels -------------------------------- */

    /// @inheritdoc IPaymentEscrow
    function openChannel(LicenseRef calldata ref, address signer, bytes32 salt, uint128 amount)
        external
        payable
        nonReentrant
        returns (bytes32 channelId)
    {
        require(amount != 0, PaymentEscrow_NoAmount());
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        require(
            REGISTRY.isActive(licenseId, uint40(block.timestamp)),
            PaymentEscrow_LicenseNotActive(licenseId)
        );
        channelId = channelIdOf(licenseId, msg.sender, signer, salt);
        Channel storage c = _channels[channelId];
        require(!c.isOpen, PaymentEscrow_ChannelExists(channelId));

        address currency = ref.terms.currency;
        (c.deposited, c.isOpen) = (_toUint96(amount), true);
        emit ChannelOpened(
            channelId, licenseId, msg.sender, signer, salt, currency, ref.terms.thawPeriod
        );
        emit ChannelDeposited(channelId, amount, amount);

        Currency.pull(currency, msg.sender, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function deposit(
        LicenseRef calldata ref,
        address payer,
        address signer,
        bytes32 salt,
        uint128 amount
    ) external payable nonReentrant {
        require(amount != 0, PaymentEscrow_NoAmount());
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (bytes32 channelId, Channel storage c) = _channel(licenseId, payer, signer, salt);

        uint96 deposited = _toUint96(uint256(c.deposited) + amount);
        c.deposited = deposited;
        emit ChannelDeposited(channelId, amount, deposited);

        Currency.pull(ref.terms.currency, msg.sender, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function startThaw(LicenseRef calldata ref, address signer, bytes32 salt) external {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (bytes32 channelId, Channel storage c) = _channel(licenseId, msg.sender, signer, salt);
        require(c.thawEnd == 0, PaymentEscrow_AlreadyThawing(channelId, c.thawEnd));

        uint40 thawEnd = uint40(block.timestamp) + ref.terms.thawPeriod;
        c.thawEnd = thawEnd;
        emit ChannelThawing(channelId, thawEnd);
    }

    /// @inheritdoc IPaymentEscrow
    function withdraw(LicenseRef calldata ref, address signer, bytes32 salt) external nonReentrant {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (bytes32 channelId, Channel storage c) = _channel(licenseId, msg.sender, signer, salt);
        uint40 thawEnd = c.thawEnd;
        require(
            thawEnd != 0 && block.timestamp >= thawEnd, PaymentEscrow_NotThawed(channelId, thawEnd)
        );

        uint96 kept = _declared(channelId, c);
        uint96 amount = c.deposited - kept;
        (c.deposited, c.thawEnd) = (kept, 0);
        emit ChannelWithdrawn(channelId, msg.sender, amount);

        Currency.push(ref.terms.currency, msg.sender, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function close(
        LicenseRef calldata ref,
        address payer,
        address signer,
        bytes32 salt,
        uint128 finalAmount,
        bytes calldata hostSignature
    ) external nonReentrant {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (bytes32 channelId, Channel storage c) = _channel(licenseId, payer, signer, salt);
        require(
            msg.sender == ref.host
                || Vouchers.isSignedBy(
                    ref.host, closeDigest(channelId, finalAmount), hostSignature
                ),
            PaymentEscrow_NotByHost(ref.host, msg.sender)
        );
        uint256 kept = _declared(channelId, c);
        if (finalAmount > kept) kept = finalAmount;
        require(kept < c.deposited, PaymentEscrow_NothingToClose(channelId));

        uint96 toPayer = uint96(c.deposited - kept);
        (c.deposited, c.thawEnd) = (uint96(kept), 0);
        emit ChannelClosed(channelId, uint128(kept), toPayer);

        Currency.push(ref.terms.currency, payer, toPayer);
    }

    /* -------------------------------- claims -------------------------------- */

    /// @inheritdoc IPaymentEscrow
    function claim(LicenseRef calldata ref, ClaimRow[] calldata rows)
        external
        nonReentrant
        returns (uint128 total)
    {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        Terms calldata terms = ref.terms;
        uint256 limit = _claimLimit(licenseId, terms);
        uint256 page = RowPage.open(address(this), licenseId);
        uint256 sum;
        for (uint256 i = 0; i < rows.length; ++i) {
            // No row takes more than what is left of the limit, which has 110 bits.
            unchecked {
                sum += _claimRow(terms, page, rows[i], limit - sum);
            }
        }
        total = uint128(sum);
        if (total == 0) return 0;

        uint128 ownerShare = Shares.part(total, ref.terms.ownerShareBps);
        _balances[ref.terms.currency][ref.host] += total - ownerShare;
        (uint128 toOwner, uint128 toParents) = _creditOwner(ref.terms, ownerShare);
        emit ClaimSplit(licenseId, total, total - ownerShare, toOwner, toParents);
    }

    /// @inheritdoc IPaymentEscrow
    function reserve(LicenseRef calldata ref, ClaimRow calldata row) external {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        uint256 page = RowPage.open(address(this), licenseId);
        bytes32 channelId = RowPage.load(page, row);
        ClaimError reason = _check(
            ref.terms, page, channelId, _word(channelId), row.signature, type(uint256).max
        );
        require(reason == ClaimError.None, PaymentEscrow_Rejected(channelId, reason));
        uint96 secured = _reserved[channelId];
        require(row.cumulativeAmount > secured, PaymentEscrow_NotIncreasing(channelId, secured));

        // At most `c.deposited`, which `_check` has seen to.
        _reserved[channelId] = uint96(row.cumulativeAmount);
        emit VoucherReserved(channelId, row.cumulativeAmount);
    }

    /// @inheritdoc IPaymentEscrow
    function withdrawBalance(address currency, address to)
        external
        nonReentrant
        returns (uint256 amount)
    {
        require(to != address(0), PaymentEscrow_NoRecipient());
        amount = _balances[currency][msg.sender];
        require(amount != 0, PaymentEscrow_NoBalance(currency, msg.sender));

        _balances[currency][msg.sender] = 0;
        emit BalanceWithdrawn(currency, msg.sender, to, amount);

        Currency.push(currency, to, amount);
    }

    /* -------------------------------- license fees -------------------------------- */

    /// @dev Only the vault pays in without a call of its own, see `releaseFee`.
    receive() external payable {
        require(msg.sender == address(VAULT), PaymentEscrow_OnlyVault(msg.sender));
    }

    /// @inheritdoc IPaymentEscrow
    function releaseFee(LicenseRef calldata ref) external onlyRegistry nonReentrant {
        address currency = ref.terms.currency;
        uint128 fee = ref.terms.licenseFee;
        uint256 balanceBefore = Currency.balance(currency);
        VAULT.payFee(currency, fee);
        Currency.requireReceived(currency, balanceBefore, fee);

        _creditFee(ref, fee);
    }

    /// @inheritdoc IPaymentEscrow
    function takeFee(LicenseRef calldata ref) external payable onlyRegistry nonReentrant {
        Currency.pull(ref.terms.currency, ref.host, ref.terms.licenseFee);
        _creditFee(ref, ref.terms.licenseFee);
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc IPaymentEscrow
    function channel(bytes32 channelId) external view returns (Channel memory) {
        return _channels[channelId];
    }

    /// @inheritdoc IPaymentEscrow
    function reserved(bytes32 channelId) external view returns (uint128) {
        return _reserved[channelId];
    }

    /// @inheritdoc IPaymentEscrow
    function declared(bytes32 channelId) external view returns (uint128) {
        return _declared(channelId, _channels[channelId]);
    }

    /// @inheritdoc IPaymentEscrow
    function channelIdOf(bytes32 licenseId, address payer, address signer, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return Vouchers.channelId(address(this), licenseId, payer, signer, salt);
    }

    /// @inheritdoc IPaymentEscrow
    function balanceOf(address currency, address account) external view returns (uint256) {
        return _balances[currency][account];
    }

    /// @inheritdoc IPaymentEscrow
    function voucherDigest(
        bytes32 channelId,
        uint128 cumulativeAmount,
        uint64 cumulativeRequests,
        uint64 cumulativeTokens,
        bytes32 requestHash
    ) external view returns (bytes32) {
        return _hashTypedData(
            Vouchers.structHash(
                channelId, cumulativeAmount, cumulativeRequests, cumulativeTokens, requestHash
            )
        );
    }

    /// @inheritdoc IPaymentEscrow
    function closeDigest(bytes32 channelId, uint128 finalAmount) public view returns (bytes32) {
        return _hashTypedData(Vouchers.closeHash(channelId, finalAmount));
    }

    /* -------------------------------- helpers -------------------------------- */

    /// @dev Takes one row whole, or rejects it and returns 0. Works on words, because a batch runs this a hundred times.
    function _claimRow(Terms calldata terms, uint256 page, ClaimRow calldata row, uint256 limit)
        private
        returns (uint256 amount)
    {
        bytes32 channelId = RowPage.load(page, row);
        uint256 word = _word(channelId);
        ClaimError reason = _check(terms, page, channelId, word, row.signature, limit);
        if (reason != ClaimError.None) {
            emit VoucherRejected(channelId, reason);
            return 0;
        }

        uint256 cumulativeAmount = RowPage.amount(page);
        // `_check` has seen that it is above what was claimed and at most the deposit, which has 96 bits.
        unchecked {
            amount = cumulativeAmount - uint96(word >> CLAIMED);
        }
        word = word & ~(uint256(type(uint96).max) << CLAIMED) | cumulativeAmount << CLAIMED;
        Channel storage c = _channels[channelId];
        bytes32 topic = VoucherClaimed.selector;
        // emit VoucherClaimed(channelId, amount, cumulativeAmount)
        assembly ("memory-safe") {
            sstore(c.slot, word)
            mstore(0x00, amount)
            mstore(0x20, cumulativeAmount)
            log2(0x00, 0x40, topic, channelId)
        }
    }

    /// @dev Cheap checks first; the signature, which may call a contract, last.
    function _check(
        Terms calldata terms,
        uint256 page,
        bytes32 channelId,
        uint256 word,
        bytes calldata signature,
        uint256 limit
    ) private view returns (ClaimError) {
        // A channel exists only for a license that was active, so the license needs no look-up of its own.
        if (word >> OPEN & 1 == 0) return ClaimError.UnknownChannel;
        uint256 cumulativeAmount = RowPage.amount(page);
        uint256 claimed = uint96(word >> CLAIMED);
        if (cumulativeAmount <= claimed) return ClaimError.NotIncreasing;
        (bool fits, uint64 requests, uint64 tokens) = RowPage.units(page);
        if (!fits) return ClaimError.BadSignature;
        if (cumulativeAmount < TermsLib.price(terms, requests, tokens)) {
            return ClaimError.BelowPrice;
        }
        if (cumulativeAmount > uint96(word)) return ClaimError.ExceedsDeposit;
        unchecked {
            if (cumulativeAmount - claimed > limit) return ClaimError.ExceedsCollateralRatio;
        }
        address signer = RowPage.signer(page);
        bytes32 digest = _hashTypedData(RowPage.structHash(page, channelId));
        return
            Vouchers.isSignedBy(signer, digest, signature)
                ? ClaimError.None
                : ClaimError.BadSignature;
    }

    /// @dev The channel's slot: deposited, claimed, thawEnd, isOpen from the lowest bit on.
    function _word(bytes32 channelId) private view returns (uint256 word) {
        Channel storage c = _channels[channelId];
        assembly ("memory-safe") {
            word := sload(c.slot)
        }
    }

    /// @dev Largest total of one batch: `total * ratio <= collateral`, and it must fit its type.
    function _claimLimit(bytes32 licenseId, Terms calldata terms) private view returns (uint256) {
        uint16 ratioBps = terms.minCollateralRatioBps;
        // Every license has a positive ratio; a made-up one has no channels, so any limit will do.
        if (ratioBps == 0) return 0;
        // 96 bits times 14 bits: every total fits its type.
        return uint256(VAULT.collateralLeft(licenseId, terms.collateral)) * BPS / ratioBps;
    }

    function _declared(bytes32 channelId, Channel storage c) private view returns (uint96) {
        uint96 secured = _reserved[channelId];
        uint96 claimed = c.claimed;
        return secured > claimed ? secured : claimed;
    }

    function _creditFee(LicenseRef calldata ref, uint128 fee) private {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (uint128 toOwner, uint128 toParents) = _creditOwner(ref.terms, fee);
        emit FeeReleased(licenseId, toOwner, toParents);
    }

    /// @dev Credits the parents' parts of the owner's share, and the rest to the owner.
    function _creditOwner(Terms calldata terms, uint128 share)
        private
        returns (uint128 toOwner, uint128 toParents)
    {
        address currency = terms.currency;
        for (uint256 i = 0; i < terms.royalties.length; ++i) {
            Royalty calldata royalty = terms.royalties[i];
            uint128 part = Shares.part(share, royalty.bps);
            if (part == 0) continue;
            _balances[currency][royalty.payee] += part;
            toParents += part;
        }
        toOwner = share - toParents;
        if (toOwner != 0) _balances[currency][terms.owner] += toOwner;
    }

    function _channel(bytes32 licenseId, address payer, address signer, bytes32 salt)
        private
        view
        returns (bytes32 channelId, Channel storage c)
    {
        channelId = channelIdOf(licenseId, payer, signer, salt);
        c = _channels[channelId];
        require(c.isOpen, PaymentEscrow_UnknownChannel(channelId));
    }

    function _toUint96(uint256 amount) private pure returns (uint96) {
        require(amount <= type(uint96).max, PaymentEscrow_TooLarge(amount));
        return uint96(amount);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("OML", "1");
    }
}
