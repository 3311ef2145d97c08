// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { ICollateralVault } from "./interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { Currency } from "./libraries/Currency.sol";
import { Shares } from "./libraries/Shares.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { BPS, BURN, LicenseRef, LicenseStatus } from "./libraries/Types.sol";

/// @title Hosts' collateral, by license, license fees not yet earned, and the delayed payout of
/// what was slashed
/// @dev Immutable: no owner, no proxy. What a license brings when it is acquired follows from its
/// terms, so only what has changed since is stored. The sum of all collateral, held fees and
/// unpaid payouts in a currency never exceeds the vault's balance of it.
contract CollateralVault is ICollateralVault, ReentrancyGuardTransient {
    /// @dev One slot. Collateral is `terms.collateral + added − taken` from the purchase on.
    struct Change {
        uint96 added;
        uint96 taken;
        uint40 thawEnd;
    }

    /// @dev `Payout` in two slots.
    struct Queued {
        address to;
        uint96 amount;
        address currency;
        uint40 unlockAt;
    }

    /// @dev Of a payout to the reporter of a level-0 proof.
    struct Report {
        bytes32 licenseId;
        uint40 committedAt;
    }

    ILicenseRegistry private immutable REGISTRY;
    address private immutable ESCROW;
    address private immutable PROOFS;
    address private immutable ROUNDS;

    mapping(bytes32 licenseId => Change) private _changes;
    Queued[] private _payouts;
    mapping(uint256 payoutId => Report) private _reports;

    modifier onlyRegistry() {
        require(msg.sender == address(REGISTRY), CollateralVault_OnlyRegistry(msg.sender));
        _;
    }

    modifier onlyJudges() {
        require(
            msg.sender == PROOFS || msg.sender == ROUNDS, CollateralVault_OnlyJudges(msg.sender)
        );
        _;
    }

    /// @param registry knows licenses; @param escrow splits fees; @param proofs and @param rounds
    /// may slash
    constructor(address registry, address escrow, address proofs, address rounds) {
        REGISTRY = ILicenseRegistry(registry);
        ESCROW = escrow;
        PROOFS = proofs;
        ROUNDS = rounds;
    }

    /* -------------------------------- in and out -------------------------------- */

    /// @inheritdoc ICollateralVault
    function depositFor(
        bytes32 licenseId,
        address from,
        address currency,
        uint128 collateral_,
        uint128 fee
    ) external payable onlyRegistry nonReentrant {
        emit CollateralDeposited(licenseId, from, currency, collateral_);
        if (fee != 0) emit FeeHeld(licenseId, currency, fee);
        Currency.pull(currency, from, uint256(collateral_) + fee);
    }

    /// @inheritdoc ICollateralVault
    function topUp(LicenseRef calldata ref, uint128 amount) external payable nonReentrant {
        require(amount != 0, CollateralVault_NoAmount());
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        (LicenseStatus status,) = REGISTRY.licenseState(licenseId);
        require(
            status != LicenseStatus.None && status != LicenseStatus.Cancelled,
            CollateralVault_NoSuchLicense(licenseId)
        );
        Change storage c = _changes[licenseId];
        uint256 added = uint256(c.added) + amount;
        require(added + ref.terms.collateral <= type(uint96).max, CollateralVault_TooLarge(amount));

        c.added = uint96(added);
        emit CollateralDeposited(licenseId, msg.sender, ref.terms.currency, amount);
        Currency.pull(ref.terms.currency, msg.sender, amount);
    }

    /// @inheritdoc ICollateralVault
    function startThaw(LicenseRef calldata ref) external {
        (bytes32 licenseId, Change storage c) = _own(ref);
        (LicenseStatus status, uint40 deadline) = REGISTRY.licenseState(licenseId);
        require(
            status == LicenseStatus.Terminated
                || (status == LicenseStatus.Active && block.timestamp > deadline),
            CollateralVault_LicenseNotEnded(licenseId)
        );
        require(c.thawEnd == 0, CollateralVault_AlreadyThawing(licenseId, c.thawEnd));

        uint40 thawEnd = uint40(block.timestamp) + ref.terms.thawPeriod;
        c.thawEnd = thawEnd;
        emit ThawStarted(licenseId, thawEnd);
    }

    /// @inheritdoc ICollateralVault
    function withdraw(LicenseRef calldata ref) external nonReentrant {
        (bytes32 licenseId, Change storage c) = _own(ref);
        require(
            c.thawEnd != 0 && block.timestamp >= c.thawEnd,
            CollateralVault_NotThawed(licenseId, c.thawEnd)
        );
        uint128 amount = _take(c, _amount(c, ref.terms.collateral));
        require(amount != 0, CollateralVault_NothingToWithdraw(licenseId));

        emit CollateralWithdrawn(licenseId, msg.sender, ref.terms.currency, amount);
        Currency.push(ref.terms.currency, msg.sender, amount);
    }

    /// @inheritdoc ICollateralVault
    function refund(
        bytes32 licenseId,
        address host,
        address currency,
        uint128 collateral_,
        uint128 fee
    ) external onlyRegistry nonReentrant {
        Change storage c = _changes[licenseId];
        uint128 amount = _take(c, _amount(c, collateral_));
        emit CollateralWithdrawn(licenseId, host, currency, amount);
        if (fee != 0) emit FeeRefunded(licenseId, host, fee);
        Currency.push(currency, host, uint256(amount) + fee);
    }

    /// @inheritdoc ICollateralVault
    function returnFee(bytes32 licenseId, address host, address currency, uint128 fee)
        external
        onlyRegistry
        nonReentrant
    {
        emit FeeRefunded(licenseId, host, fee);
        Currency.push(currency, host, fee);
    }

    /// @inheritdoc ICollateralVault
    function payFee(address currency, uint128 fee) external nonReentrant {
        require(msg.sender == ESCROW, CollateralVault_OnlyEscrow(msg.sender));
        Currency.push(currency, ESCROW, fee);
    }

    /* -------------------------------- enforcement -------------------------------- */

    /// @inheritdoc ICollateralVault
    function slash(LicenseRef calldata ref, Slash calldata how)
        external
        onlyJudges
        nonReentrant
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner)
    {
        require(how.bps <= BPS, CollateralVault_BadBps(how.bps));
        require(how.reporter != address(0), CollateralVault_NoReporter());
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));

        Change storage c = _changes[licenseId];
        slashed = _take(c, Shares.part(_amount(c, ref.terms.collateral), how.bps));
        toReporter = Shares.part(slashed, how.reporterBps);
        toOwner = Shares.part(slashed, how.ownerBps);
        uint128 burned = slashed - toReporter - toOwner;
        emit CollateralSlashed(licenseId, slashed, toReporter, toOwner, burned);

        address currency = ref.terms.currency;
        uint40 unlockAt = uint40(block.timestamp) + how.payoutDelay;
        if (how.committedAt != 0 && toReporter != 0) {
            _reports[_payouts.length] = Report(licenseId, how.committedAt);
        }
        _queue(how.reporter, currency, toReporter, unlockAt);
        _queue(ref.terms.owner, currency, toOwner, unlockAt);
        if (!Currency.tryBurn(currency, burned)) _queue(BURN, currency, burned, unlockAt);
    }

    /// @inheritdoc ICollateralVault
    function redirect(uint256 payoutId, bytes32 licenseId, uint40 before, address to) external {
        require(msg.sender == ROUNDS, CollateralVault_OnlyRounds(msg.sender));
        Report storage report = _reports[payoutId];
        Queued storage p = _queued(payoutId);
        require(
            report.licenseId == licenseId && report.committedAt > before && p.amount != 0,
            CollateralVault_NotRedirectable(payoutId)
        );

        emit PayoutRedirected(payoutId, p.to, to);
        p.to = to;
        // It was taken from one round's reporter for another's; nobody takes it again.
        delete _reports[payoutId];
    }

    /// @inheritdoc ICollateralVault
    function payOut(uint256 payoutId) external nonReentrant {
        _payOut(payoutId, _queued(payoutId).to);
    }

    /// @inheritdoc ICollateralVault
    function payOutTo(uint256 payoutId, address to) external nonReentrant {
        address payee = _queued(payoutId).to;
        require(msg.sender == payee, CollateralVault_OnlyPayee(payee, msg.sender));
        // What these two get by no call of theirs is nobody's.
        require(
            to != address(0) && to != address(this) && to != ESCROW,
            CollateralVault_BadRecipient(to)
        );
        _payOut(payoutId, to);
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc ICollateralVault
    function collateral(LicenseRef calldata ref) external view returns (Collateral memory) {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        Change storage c = _changes[licenseId];
        (LicenseStatus status,) = REGISTRY.licenseState(licenseId);
        uint128 amount = status == LicenseStatus.None ? 0 : _amount(c, ref.terms.collateral);
        return Collateral(amount, c.thawEnd);
    }

    /// @inheritdoc ICollateralVault
    function collateralLeft(bytes32 licenseId, uint128 bought) external view returns (uint128) {
        return _amount(_changes[licenseId], bought);
    }

    /// @inheritdoc ICollateralVault
    function payout(uint256 payoutId) external view returns (Payout memory) {
        Queued storage p = _queued(payoutId);
        return Payout(p.to, p.currency, p.amount, p.unlockAt);
    }

    /// @inheritdoc ICollateralVault
    function payoutCount() external view returns (uint256) {
        return _payouts.length;
    }

    /* -------------------------------- helpers -------------------------------- */

    function _queued(uint256 payoutId) private view returns (Queued storage) {
        require(payoutId < _payouts.length, CollateralVault_UnknownPayout(payoutId));
        return _payouts[payoutId];
    }

    function _payOut(uint256 payoutId, address to) private {
        Queued storage p = _payouts[payoutId];
        uint96 amount = p.amount;
        require(amount != 0, CollateralVault_UnknownPayout(payoutId));
        require(block.timestamp >= p.unlockAt, CollateralVault_PayoutLocked(payoutId, p.unlockAt));

        p.amount = 0;
        emit PayoutPaid(payoutId, to, p.currency, amount);
        Currency.push(p.currency, to, amount);
    }

    /// @dev `added + bought` fits its type by `topUp` and by the terms' limit, and bounds `taken`.
    function _amount(Change storage c, uint128 bought) private view returns (uint128) {
        return bought + c.added - c.taken;
    }

    /// @dev Takes a part of what is left, which has 96 bits.
    function _take(Change storage c, uint128 amount) private returns (uint128) {
        c.taken += uint96(amount);
        return amount;
    }

    function _queue(address to, address currency, uint128 amount, uint40 unlockAt) private {
        if (amount == 0) return;
        // A part of a collateral, which has 96 bits.
        _payouts.push(Queued(to, uint96(amount), currency, unlockAt));
        emit PayoutQueued(_payouts.length - 1, to, currency, amount, unlockAt);
    }

    function _own(LicenseRef calldata ref)
        private
        view
        returns (bytes32 licenseId, Change storage c)
    {
        require(msg.sender == ref.host, CollateralVault_OnlyHost(ref.host, msg.sender));
        licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        c = _changes[licenseId];
    }
}
