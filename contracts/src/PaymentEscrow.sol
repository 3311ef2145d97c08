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
import { LicenseRef, Terms } from "./libraries/Types.sol";
import { Vouchers } from "./libraries/Vouchers.sol";

/// @title Payers' channels, batched claims of vouchers, atomic split, pulled balances
/// @dev Immutable: no owner, no proxy. In every currency the unclaimed deposits and the balances
/// together never exceed the escrow's balance of it.
contract PaymentEscrow is IPaymentEscrow, ReentrancyGuardTransient, EIP712 {
    /// @dev Places of `claimed` and `isOpen` in a channel's slot.
    uint256 private constant CLAIMED = 96;
    uint256 private constant OPEN = 232;

    /// @dev `BPS` as assembly takes it.
    uint256 private constant BPS_BASE = 10_000;

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
        Terms calldata terms = ref.terms;
        address host = ref.host;
        bytes32 licenseId =
            TermsLib.licenseId(TermsLib.offerId(terms, address(REGISTRY)), host, ref.nonce);
        uint256 sum = _claimRows(terms, licenseId, rows);
        if (sum == 0) return 0;

        // No more than the limit, which has 110 bits.
        total = uint128(sum);
        uint256 ownerShare = Shares.part(total, terms.ownerShareBps);
        uint256 toHost = sum - ownerShare;
        mapping(address account => uint256) storage balances = _balances[terms.currency];
        balances[host] += toHost;
        (uint256 toOwner, uint256 toParents) = _creditOwner(balances, terms, ownerShare);
        bytes32 topic = ClaimSplit.selector;
        // emit ClaimSplit(licenseId, total, toHost, toOwner, toParents): parts of the total, so of
        // 128 bits. Their words lie in free memory and are not kept.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, sum)
            mstore(add(free, 0x20), toHost)
            mstore(add(free, 0x40), toOwner)
            mstore(add(free, 0x60), toParents)
            log2(free, 0x80, topic, licenseId)
        }
    }

    /// @inheritdoc IPaymentEscrow
    function reserve(LicenseRef calldata ref, ClaimRow calldata row) external {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        uint256 page = RowPage.open(address(this), licenseId, _domainSeparator(), ref.terms);
        bytes32 channelId = RowPage.load(page, row);
        (, uint256 word) = _word(channelId);
        ClaimError reason = _check(page, channelId, word, row.signature, type(uint256).max);
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

    /// @dev Sum of what the rows bring.
    function _claimRows(Terms calldata terms, bytes32 licenseId, ClaimRow[] calldata rows)
        private
        returns (uint256 sum)
    {
        uint256 limit = _claimLimit(licenseId, terms);
        uint256 page = RowPage.open(address(this), licenseId, _domainSeparator(), terms);
        for (uint256 i = 0; i < rows.length; ++i) {
            // No row takes more than what is left of the limit.
            unchecked {
                sum += _claimRow(page, rows[i], limit - sum);
            }
        }
    }

    /// @dev Takes one row whole, or rejects it and returns 0. Works on words, because a batch runs
    /// this a hundred times.
    function _claimRow(uint256 page, ClaimRow calldata row, uint256 limit)
        private
        returns (uint256 amount)
    {
        bytes32 channelId = RowPage.load(page, row);
        (Channel storage c, uint256 word) = _word(channelId);
        ClaimError reason = _check(page, channelId, word, row.signature, limit);
        if (reason != ClaimError.None) {
            emit VoucherRejected(channelId, reason);
            return 0;
        }

        uint256 cumulativeAmount = RowPage.amount(page);
        bytes32 topic = VoucherClaimed.selector;
        // emit VoucherClaimed(channelId, amount, cumulativeAmount)
        assembly ("memory-safe") {
            // `_check` has seen that the new amount is above the old one and at most the deposit,
            // which has 96 bits. So their difference, added in the place of `claimed`, replaces it
            // and reaches no other field.
            amount := sub(cumulativeAmount, and(shr(CLAIMED, word), 0xffffffffffffffffffffffff))
            sstore(c.slot, add(word, shl(CLAIMED, amount)))
            mstore(0x00, amount)
            mstore(0x20, cumulativeAmount)
            log2(0x00, 0x40, topic, channelId)
        }
    }

    /// @dev Cheap checks first; the signature, which may call a contract, last.
    function _check(
        uint256 page,
        bytes32 channelId,
        uint256 word,
        bytes calldata signature,
        uint256 limit
    ) private view returns (ClaimError) {
        // A channel exists only for a license that was active, so the license needs no look-up of
        // its own.
        if (word >> OPEN & 1 == 0) return ClaimError.UnknownChannel;
        uint256 cumulativeAmount = RowPage.amount(page);
        uint256 claimed = uint96(word >> CLAIMED);
        if (cumulativeAmount <= claimed) return ClaimError.NotIncreasing;
        (bool fits, uint256 price) = RowPage.price(page);
        if (!fits) return ClaimError.BadSignature;
        if (cumulativeAmount < price) return ClaimError.BelowPrice;
        if (cumulativeAmount > uint96(word)) return ClaimError.ExceedsDeposit;
        unchecked {
            if (cumulativeAmount - claimed > limit) return ClaimError.ExceedsCollateralRatio;
        }
        address signer = RowPage.signer(page);
        return Vouchers.isSignedBy(signer, RowPage.digest(page, channelId), signature)
            ? ClaimError.None
            : ClaimError.BadSignature;
    }

    /// @dev A channel, and its slot: deposited, claimed, thawEnd, isOpen from the lowest bit on.
    function _word(bytes32 channelId) private view returns (Channel storage c, uint256 word) {
        c = _channels[channelId];
        assembly ("memory-safe") {
            word := sload(c.slot)
        }
    }

    /// @dev Largest total of one batch: `total * ratio <= VAULT.collateralLeft(licenseId,
    /// terms.collateral)`. Every license has clean terms and a positive ratio; a made-up one has no
    /// channels, so any limit will do.
    function _claimLimit(bytes32 licenseId, Terms calldata terms)
        private
        view
        returns (uint256 limit)
    {
        address vault = address(VAULT);
        bytes4 selector = ICollateralVault.collateralLeft.selector;
        // The call's data lies in free memory and is not kept; the answer in scratch memory. The
        // vault is ours and fixed at deployment: an answer that is not one word of 128 bits means
        // that it is missing.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 0x04), licenseId)
            // collateral and minCollateralRatioBps, the terms' ninth and tenth words.
            calldatacopy(add(free, 0x24), add(terms, 0x100), 0x40)
            let ok := staticcall(gas(), vault, free, 0x44, 0x00, 0x20)
            let left := mload(0x00)
            if iszero(and(ok, and(gt(returndatasize(), 0x1f), iszero(shr(128, left))))) {
                revert(0, 0)
            }
            // 128 and 14 bits. The ratio is at least 1, so every total fits its type.
            limit := div(mul(left, BPS_BASE), mload(add(free, 0x44)))
        }
    }

    function _declared(bytes32 channelId, Channel storage c) private view returns (uint96) {
        uint96 secured = _reserved[channelId];
        uint96 claimed = c.claimed;
        return secured > claimed ? secured : claimed;
    }

    function _creditFee(LicenseRef calldata ref, uint128 fee) private {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        Terms calldata terms = ref.terms;
        (uint256 toOwner, uint256 toParents) = _creditOwner(_balances[terms.currency], terms, fee);
        emit FeeReleased(licenseId, uint128(toOwner), uint128(toParents));
    }

    /// @dev Credits the parents' parts of the owner's share, which has 128 bits, and the rest to
    /// the owner. The terms are those of a license: `offerId` has seen where its royalties lie, and
    /// `publishOffer` that they are clean words.
    function _creditOwner(
        mapping(address account => uint256) storage balances,
        Terms calldata terms,
        uint256 share
    ) private returns (uint256 toOwner, uint256 toParents) {
        toOwner = share;
        (uint256 place, uint256 end) = TermsLib.royaltiesOf(terms);
        for (; place < end; place += 0x40) {
            address payee;
            uint256 part;
            // Reads one row; 128 and 16 bits: the product fits.
            assembly ("memory-safe") {
                payee := calldataload(place)
                part := div(mul(share, calldataload(add(place, 0x20))), BPS_BASE)
            }
            if (part == 0) continue;
            balances[payee] += part;
            // Refuses to give away more than there is.
            toOwner -= part;
        }
        toParents = share - toOwner;
        if (toOwner != 0) balances[terms.owner] += toOwner;
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
