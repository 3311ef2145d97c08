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
import { TermsLib } from "./libraries/TermsLib.sol";
import { BPS, LicenseRef, Royalty, Terms } from "./libraries/Types.sol";
import { Takings } from "./libraries/Takings.sol";
import { Vouchers } from "./libraries/Vouchers.sol";

/// @title Payers' channels, batched claims of vouchers, atomic split, pulled balances
/// @dev Immutable: no owner, no proxy. In every currency the unclaimed deposits and the balances
/// together never exceed the escrow's balance of it.
contract PaymentEscrow is IPaymentEscrow, ReentrancyGuardTransient, EIP712 {
    using Takings for Takings.Account;

    ILicenseRegistry private immutable REGISTRY;
    ICollateralVault private immutable VAULT;

    mapping(bytes32 channelId => Channel) private _channels;
    mapping(address currency => mapping(address account => uint256)) private _balances;
    /// @dev Apart from the channel, which stays one slot: few channels ever need it.
    mapping(bytes32 channelId => uint96) private _reserved;
    mapping(bytes32 licenseId => Takings.Account) private _accounts;

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
        require(c.status == ChannelStatus.None, PaymentEscrow_ChannelExists(channelId));

        address currency = ref.terms.currency;
        (c.deposited, c.status) = (_toUint96(amount), ChannelStatus.Open);
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
        _requireOpen(channelId, c);

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
        (c.deposited, c.thawEnd, c.status) = (kept, 0, ChannelStatus.Closed);
        emit ChannelWithdrawn(channelId, msg.sender, amount);

        Currency.push(ref.terms.currency, msg.sender, amount);
    }

    /// @inheritdoc IPaymentEscrow
    function close(
        LicenseRef calldata ref,
        address payer,
        address signer,
        bytes32 salt,
        uint128 deposited,
        uint128 finalAmount,
        bytes calldata hostSignature
    ) external nonReentrant {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (bytes32 channelId, Channel storage c) = _channel(licenseId, payer, signer, salt);
        _requireOpen(channelId, c);
        require(
            msg.sender == ref.host
                || Vouchers.isSignedBy(
                    ref.host, closeDigest(channelId, deposited, finalAmount), hostSignature
                ),
            PaymentEscrow_NotByHost(ref.host, msg.sender)
        );
        require(
            deposited <= c.deposited, PaymentEscrow_WrongDeposit(channelId, deposited, c.deposited)
        );
        uint256 kept = _declared(channelId, c);
        if (finalAmount > kept) kept = finalAmount;
        require(kept < deposited, PaymentEscrow_NothingToClose(channelId));

        // No more than the host has seen: what was added since goes by a thaw, and a running one
        // goes on.
        uint96 toPayer = uint96(deposited - kept);
        (c.deposited, c.status) = (c.deposited - toPayer, ChannelStatus.Closed);
        emit ChannelClosed(channelId, uint128(kept), toPayer);

        Currency.push(ref.terms.currency, payer, toPayer);
    }

    /* -------------------------------- claims -------------------------------- */

    /// @inheritdoc IPaymentEscrow
    function claim(LicenseRef calldata ref, ClaimRow[] calldata rows)
        external
        nonReentrant
        returns (uint128)
    {
        Terms calldata terms = ref.terms;
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        Takings.Account memory account = _account(licenseId, terms.settlementPeriod);
        uint256 total = _claimRows(terms, licenseId, rows, account);
        if (total == 0) return 0;

        uint256 ownerShare = account.share(total, terms.ownerShareBps);
        _accounts[licenseId] = account;
        uint256 toHost = total - ownerShare;
        if (toHost != 0) _balances[terms.currency][ref.host] += toHost;
        (uint256 toOwner, uint256 toParents) = _creditOwner(terms, ownerShare);
        // Sums of rows, which have 96 bits each.
        emit ClaimSplit(
            licenseId, uint128(total), uint128(toHost), uint128(toOwner), uint128(toParents)
        );
        return uint128(total);
    }

    /// @inheritdoc IPaymentEscrow
    function reserve(LicenseRef calldata ref, ClaimRow calldata row) external {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        uint256 page = RowPage.open(address(this), licenseId, _domainSeparator(), ref.terms);
        bytes32 channelId = RowPage.load(page, row);
        uint96 secured = _reserved[channelId];
        require(row.cumulativeAmount > secured, PaymentEscrow_NotIncreasing(channelId, secured));
        ClaimError reason =
            _check(page, channelId, _channels[channelId], row.signature, type(uint256).max);
        require(reason == ClaimError.None, PaymentEscrow_Rejected(channelId, reason));

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
        // What these two get by no call of theirs is nobody's.
        require(
            to != address(0) && to != address(this) && to != address(VAULT),
            PaymentEscrow_BadRecipient(to)
        );
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
    function releaseFee(LicenseRef calldata ref, uint128 fee) external onlyRegistry nonReentrant {
        address currency = ref.terms.currency;
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
    function claimable(LicenseRef calldata ref) external view returns (uint128) {
        Terms calldata terms = ref.terms;
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        if (_isOver(licenseId, terms.settlementPeriod)) return type(uint128).max;
        return uint128(_room(_account(licenseId, terms.settlementPeriod), licenseId, terms));
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
    function closeDigest(bytes32 channelId, uint128 deposited, uint128 finalAmount)
        public
        view
        returns (bytes32)
    {
        return _hashTypedData(Vouchers.closeHash(channelId, deposited, finalAmount));
    }

    /* -------------------------------- helpers -------------------------------- */

    /// @dev Sum of what the rows bring. The registry is asked only where the collateral does not
    /// cover a row.
    function _claimRows(
        Terms calldata terms,
        bytes32 licenseId,
        ClaimRow[] calldata rows,
        Takings.Account memory account
    ) private returns (uint256 sum) {
        uint256 room = _room(account, licenseId, terms);
        bool isOver;
        uint256 page = RowPage.open(address(this), licenseId, _domainSeparator(), terms);
        for (uint256 i = 0; i < rows.length; ++i) {
            bytes32 channelId = RowPage.load(page, rows[i]);
            Channel storage stored = _channels[channelId];
            Channel memory c = stored;
            ClaimError reason = _check(page, channelId, c, rows[i].signature, room - sum);
            if (
                reason == ClaimError.ExceedsCollateralRatio && !isOver
                    && _isOver(licenseId, terms.settlementPeriod)
            ) {
                (isOver, room) = (true, type(uint256).max);
                reason = _check(page, channelId, c, rows[i].signature, room - sum);
            }
            if (reason != ClaimError.None) {
                emit VoucherRejected(channelId, reason);
                continue;
            }

            // At most the deposit, which `_check` has seen to; and more than `claimed`.
            uint96 cumulativeAmount = uint96(RowPage.amount(page));
            uint96 amount = cumulativeAmount - c.claimed;
            stored.claimed = cumulativeAmount;
            sum += amount;
            emit VoucherClaimed(channelId, amount, cumulativeAmount);
        }
        if (!isOver) account.add(sum);
    }

    /// @dev Whether a row is taken. Cheap checks first; the signature, which may call a contract,
    /// last.
    function _check(
        uint256 page,
        bytes32 channelId,
        Channel memory c,
        bytes calldata signature,
        uint256 room
    ) private view returns (ClaimError) {
        // A channel exists only for a license that was active, so the license needs no look-up of
        // its own.
        if (c.status == ChannelStatus.None) return ClaimError.UnknownChannel;
        uint256 cumulativeAmount = RowPage.amount(page);
        if (cumulativeAmount <= c.claimed) return ClaimError.NotIncreasing;
        (bool fits, uint256 price) = RowPage.price(page);
        if (!fits) return ClaimError.BadSignature;
        if (cumulativeAmount < price) return ClaimError.BelowPrice;
        if (cumulativeAmount > c.deposited) return ClaimError.ExceedsDeposit;
        if (cumulativeAmount - c.claimed > room) return ClaimError.ExceedsCollateralRatio;
        address signer = RowPage.signer(page);
        if (Vouchers.isSignedBy(signer, RowPage.digest(page, channelId), signature)) {
            return ClaimError.None;
        }
        // Whoever reserved has shown a signature over that much. So a signer that is a contract
        // can't take its word back. Taken whole, or as far as there is room: whoever could choose
        // the parts would cut them so that parents' parts of them round down to nothing.
        uint256 secured = _reserved[channelId];
        bool isTaken = cumulativeAmount == secured
            || (cumulativeAmount < secured && cumulativeAmount - c.claimed == room);
        return isTaken ? ClaimError.None : ClaimError.BadSignature;
    }

    /// @dev A license's account as of now.
    function _account(bytes32 licenseId, uint40 settlementPeriod)
        private
        view
        returns (Takings.Account memory account)
    {
        account = _accounts[licenseId];
        account.moveTo(block.timestamp, settlementPeriod);
    }

    /// @dev What the collateral covers on top of the takings. Terms of no license, which has
    /// no channels, may revert.
    function _room(Takings.Account memory account, bytes32 licenseId, Terms calldata terms)
        private
        view
        returns (uint256)
    {
        uint128 left = VAULT.collateralLeft(licenseId, terms.collateral);
        return account.room(left, terms.minCollateralRatioBps);
    }

    /// @dev Whether a license, one that was active, has ended a settlement period ago. Then all
    /// that it served could have been shown, so claims need no cover any more: what is left to be
    /// claimed was earned, whatever became of the collateral.
    function _isOver(bytes32 licenseId, uint40 settlementPeriod) private view returns (bool) {
        (, uint40 end) = REGISTRY.licenseState(licenseId);
        return block.timestamp > uint256(end) + settlementPeriod;
    }

    function _declared(bytes32 channelId, Channel storage c) private view returns (uint96) {
        uint96 secured = _reserved[channelId];
        uint96 claimed = c.claimed;
        return secured > claimed ? secured : claimed;
    }

    function _creditFee(LicenseRef calldata ref, uint128 fee) private {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (uint256 toOwner, uint256 toParents) = _creditOwner(ref.terms, fee);
        emit FeeReleased(licenseId, uint128(toOwner), uint128(toParents));
    }

    /// @dev Credits the parents' parts of an owner's share, and the rest to the owner. The terms
    /// are those of a license, so the royalties are at most the whole.
    function _creditOwner(Terms calldata terms, uint256 share)
        private
        returns (uint256 toOwner, uint256 toParents)
    {
        mapping(address account => uint256) storage balances = _balances[terms.currency];
        for (uint256 i = 0; i < terms.royalties.length; ++i) {
            Royalty calldata royalty = terms.royalties[i];
            uint256 part = share * royalty.bps / BPS;
            if (part == 0) continue;
            balances[royalty.payee] += part;
            toParents += part;
        }
        toOwner = share - toParents;
        if (toOwner != 0) balances[terms.owner] += toOwner;
    }

    function _channel(bytes32 licenseId, address payer, address signer, bytes32 salt)
        private
        view
        returns (bytes32 channelId, Channel storage c)
    {
        channelId = channelIdOf(licenseId, payer, signer, salt);
        c = _channels[channelId];
        require(c.status != ChannelStatus.None, PaymentEscrow_UnknownChannel(channelId));
    }

    function _requireOpen(bytes32 channelId, Channel storage c) private view {
        require(c.status == ChannelStatus.Open, PaymentEscrow_ChannelClosed(channelId));
    }

    function _toUint96(uint256 amount) private pure returns (uint96) {
        require(amount <= type(uint96).max, PaymentEscrow_TooLarge(amount));
        return uint96(amount);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return ("OML", "1");
    }
}
