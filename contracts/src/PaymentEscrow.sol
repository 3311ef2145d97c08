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
import { TermsLib } from "./libraries/TermsLib.sol";
import { BPS, LicenseRef, Royalty, Terms } from "./libraries/Types.sol";
import { Vouchers } from "./libraries/Vouchers.sol";

/// @title Payers' channels, batched claims of vouchers, atomic split, pulled balances
/// @dev Immutable: no owner, no proxy. In every currency the unclaimed deposits, the balances and
/// the held fees together never exceed the escrow's balance of it.
contract PaymentEscrow is IPaymentEscrow, ReentrancyGuardTransient, EIP712 {
    ILicenseRegistry private immutable REGISTRY;
    ICollateralVault private immutable VAULT;

    mapping(bytes32 channelId => Channel) private _channels;
    mapping(address currency => mapping(address account => uint256)) private _balances;
    mapping(bytes32 licenseId => uint128) private _heldFees;

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
        require(c.openedAt == 0, PaymentEscrow_ChannelExists(channelId));

        address currency = ref.terms.currency;
        uint40 thawPeriod = ref.terms.thawPeriod;
        c.deposited = amount;
        c.thawPeriod = thawPeriod;
        c.openedAt = uint40(block.timestamp);
        emit ChannelOpened(channelId, licenseId, msg.sender, signer, salt, currency, thawPeriod);
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

        uint128 deposited = c.deposited + amount;
        c.deposited = deposited;
        emit ChannelDeposited(channelId, amount, deposited);

        Currency.pull(ref.terms.currency, msg.sender, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function startThaw(bytes32 licenseId, address signer, bytes32 salt) external {
        (bytes32 channelId, Channel storage c) = _channel(licenseId, msg.sender, signer, salt);
        require(c.thawEnd == 0, PaymentEscrow_AlreadyThawing(channelId, c.thawEnd));

        uint40 thawEnd = uint40(block.timestamp) + c.thawPeriod;
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

        uint128 amount = c.deposited - c.claimed;
        c.deposited = c.claimed;
        c.thawEnd = 0;
        emit ChannelWithdrawn(channelId, msg.sender, amount);

        Currency.push(ref.terms.currency, msg.sender, amount);
    }

    /* -------------------------------- claims -------------------------------- */

    /// @inheritdoc IPaymentEscrow
    function claim(LicenseRef calldata ref, ClaimRow[] calldata rows)
        external
        nonReentrant
        returns (uint128 total)
    {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        uint256 limit = _claimLimit(licenseId, ref.terms.minCollateralRatioBps);
        for (uint256 i = 0; i < rows.length; ++i) {
            total += _claimRow(ref.terms, licenseId, rows[i], limit - total);
        }
        if (total == 0) return 0;

        uint128 ownerShare = _share(total, ref.terms.ownerShareBps);
        _balances[ref.terms.currency][ref.host] += total - ownerShare;
        (uint128 toOwner, uint128 toParents) = _creditOwner(ref.terms, ownerShare);
        emit ClaimSplit(licenseId, total, total - ownerShare, toOwner, toParents);
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

    /// @inheritdoc IPaymentEscrow
    function holdFee(bytes32 licenseId, address from, address currency, uint128 amount)
        external
        payable
        onlyRegistry
        nonReentrant
    {
        require(amount != 0, PaymentEscrow_NoAmount());
        require(_heldFees[licenseId] == 0, PaymentEscrow_FeeAlreadyHeld(licenseId));

        _heldFees[licenseId] = amount;
        emit FeeHeld(licenseId, currency, amount);

        Currency.pull(currency, from, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function releaseFee(LicenseRef calldata ref) external onlyRegistry {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        uint128 fee = _takeFee(licenseId);
        (uint128 toOwner, uint128 toParents) = _creditOwner(ref.terms, fee);
        emit FeeReleased(licenseId, toOwner, toParents);
    }

    /// @inheritdoc IPaymentEscrow
    function refundFee(bytes32 licenseId, address host, address currency)
        external
        onlyRegistry
        nonReentrant
    {
        uint128 fee = _takeFee(licenseId);
        emit FeeRefunded(licenseId, host, fee);
        Currency.push(currency, host, fee);
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc IPaymentEscrow
    function channel(bytes32 channelId) external view returns (Channel memory) {
        return _channels[channelId];
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

    /* -------------------------------- helpers -------------------------------- */

    /// @dev Takes one row whole, or rejects it and returns 0.
    function _claimRow(
        Terms calldata terms,
        bytes32 licenseId,
        ClaimRow calldata row,
        uint256 limit
    ) private returns (uint128 amount) {
        bytes32 channelId = channelIdOf(licenseId, row.payer, row.signer, row.salt);
        Channel memory c = _channels[channelId];
        ClaimError reason = _check(terms, c, channelId, row, limit);
        if (reason != ClaimError.None) {
            emit VoucherRejected(channelId, reason);
            return 0;
        }

        amount = row.cumulativeAmount - c.claimed;
        // Units never fall, but a row need not raise them: a payer who claims its own voucher with many units
        // would otherwise make the host's vouchers unclaimable.
        uint64 requests =
            row.cumulativeRequests > c.settledRequests ? row.cumulativeRequests : c.settledRequests;
        uint64 tokens =
            row.cumulativeTokens > c.settledTokens ? row.cumulativeTokens : c.settledTokens;
        _settle(channelId, row.cumulativeAmount, requests, tokens);
        emit VoucherClaimed(
            channelId, amount, row.cumulativeAmount, row.cumulativeRequests, row.cumulativeTokens
        );
    }

    /// @dev Cheap checks first; the signature, which may call a contract, last.
    function _check(
        Terms calldata terms,
        Channel memory c,
        bytes32 channelId,
        ClaimRow calldata row,
        uint256 limit
    ) private view returns (ClaimError) {
        // A channel exists only for a license that was active, so the license needs no look-up of
        // its own.
        if (c.openedAt == 0) return ClaimError.UnknownChannel;
        uint128 cumulativeAmount = row.cumulativeAmount;
        if (cumulativeAmount <= c.claimed) return ClaimError.NotIncreasing;
        uint256 price = TermsLib.price(terms, row.cumulativeRequests, row.cumulativeTokens);
        if (cumulativeAmount < price) return ClaimError.BelowPrice;
        if (cumulativeAmount > c.deposited) return ClaimError.ExceedsDeposit;
        if (cumulativeAmount - c.claimed > limit) return ClaimError.ExceedsCollateralRatio;
        return _isSigned(channelId, row) ? ClaimError.None : ClaimError.BadSignature;
    }

    /// @dev One write for the three values that share the channel's second slot; the compiler would make three.
    function _settle(bytes32 channelId, uint128 claimed, uint64 requests, uint64 tokens) private {
        Channel storage c = _channels[channelId];
        uint256 packed = uint256(claimed) | uint256(requests) << 128 | uint256(tokens) << 192;
        assembly ("memory-safe") {
            sstore(add(c.slot, 1), packed)
        }
    }

    function _isSigned(bytes32 channelId, ClaimRow calldata row) private view returns (bool) {
        bytes32 digest = _hashTypedData(
            Vouchers.structHash(
                channelId,
                row.cumulativeAmount,
                row.cumulativeRequests,
                row.cumulativeTokens,
                row.requestHash
            )
        );
        address signer = row.signer == address(0) ? row.payer : row.signer;
        return Vouchers.isSignedBy(signer, digest, row.signature);
    }

    /// @dev Largest total of one batch: `total * ratio <= collateral`, and it must fit its type.
    function _claimLimit(bytes32 licenseId, uint16 ratioBps) private view returns (uint256 limit) {
        // Every license has a positive ratio; a made-up one has no channels, so any limit will do.
        if (ratioBps == 0) return 0;
        limit = uint256(VAULT.collateral(licenseId).amount) * BPS / ratioBps;
        if (limit > type(uint128).max) limit = type(uint128).max;
    }

    /// @dev Credits the parents' parts of the owner's share, and the rest to the owner.
    function _creditOwner(Terms calldata terms, uint128 share)
        private
        returns (uint128 toOwner, uint128 toParents)
    {
        address currency = terms.currency;
        for (uint256 i = 0; i < terms.royalties.length; ++i) {
            Royalty calldata royalty = terms.royalties[i];
            uint128 part = _share(share, royalty.bps);
            if (part == 0) continue;
            _balances[currency][royalty.payee] += part;
            toParents += part;
        }
        toOwner = share - toParents;
        if (toOwner != 0) _balances[currency][terms.owner] += toOwner;
    }

    function _takeFee(bytes32 licenseId) private returns (uint128 fee) {
        fee = _heldFees[licenseId];
        require(fee != 0, PaymentEscrow_NoFeeHeld(licenseId));
        _heldFees[licenseId] = 0;
    }

    function _channel(bytes32 licenseId, address payer, address signer, bytes32 salt)
        private
        view
        returns (bytes32 channelId, Channel storage c)
    {
        channelId = channelIdOf(licenseId, payer, signer, salt);
        c = _channels[channelId];
        require(c.openedAt != 0, PaymentEscrow_UnknownChannel(channelId));
    }

    /// @dev Rounds down; at most `amount` because `bps <= BPS`.
    function _share(uint128 amount, uint16 bps) private pure returns (uint128) {
        return uint128(uint256(amount) * bps / BPS);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("OML", "1");
    }
}
