// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { ICollateralVault } from "./interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { Currency } from "./libraries/Currency.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { BPS, BURN, LicenseRef, LicenseStatus } from "./libraries/Types.sol";

/// @title Hosts' collateral, by license, and the delayed payout of what was slashed
/// @dev Immutable: no owner, no proxy. The sum of all collateral and unpaid payouts in a currency
/// never exceeds the vault's balance of it.
contract CollateralVault is ICollateralVault, ReentrancyGuardTransient {
    ILicenseRegistry private immutable REGISTRY;
    address private immutable CHALLENGE_MANAGER;

    mapping(bytes32 licenseId => Collateral) private _collateral;
    Payout[] private _payouts;

    modifier onlyRegistry() {
        require(msg.sender == address(REGISTRY), CollateralVault_OnlyRegistry(msg.sender));
        _;
    }

    modifier onlyChallengeManager() {
        require(msg.sender == CHALLENGE_MANAGER, CollateralVault_OnlyChallengeManager(msg.sender));
        _;
    }

    /// @param registry knows licenses; @param challengeManager may freeze and slash
    constructor(address registry, address challengeManager) {
        REGISTRY = ILicenseRegistry(registry);
        CHALLENGE_MANAGER = challengeManager;
    }

    /* -------------------------------- in and out -------------------------------- */

    /// @inheritdoc ICollateralVault
    function depositFor(bytes32 licenseId, address from, address currency, uint128 amount)
        external
        payable
        onlyRegistry
        nonReentrant
    {
        require(amount != 0, CollateralVault_NoAmount());
        require(_collateral[licenseId].amount == 0, CollateralVault_AlreadyDeposited(licenseId));

        _deposit(licenseId, from, currency, amount);
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

        _deposit(licenseId, msg.sender, ref.terms.currency, amount);
    }

    /// @inheritdoc ICollateralVault
    function startThaw(LicenseRef calldata ref) external {
        (bytes32 licenseId, Collateral storage c) = _ownCollateral(ref);
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
        (bytes32 licenseId, Collateral storage c) = _ownCollateral(ref);
        Collateral memory current = c;
        require(
            current.thawEnd != 0 && block.timestamp >= current.thawEnd,
            CollateralVault_NotThawed(licenseId, current.thawEnd)
        );
        require(current.freezes == 0, CollateralVault_Frozen(licenseId, current.freezes));
        require(current.amount != 0, CollateralVault_NothingToWithdraw(licenseId));

        _release(licenseId, msg.sender, ref.terms.currency);
    }

    /// @inheritdoc ICollateralVault
    function refund(bytes32 licenseId, address host, address currency)
        external
        onlyRegistry
        nonReentrant
    {
        _release(licenseId, host, currency);
    }

    /* -------------------------------- enforcement -------------------------------- */

    /// @inheritdoc ICollateralVault
    function freeze(bytes32 licenseId) external onlyChallengeManager {
        uint16 freezes = ++_collateral[licenseId].freezes;
        emit CollateralFrozen(licenseId, freezes);
    }

    /// @inheritdoc ICollateralVault
    function unfreeze(bytes32 licenseId) external onlyChallengeManager {
        Collateral storage c = _collateral[licenseId];
        require(c.freezes != 0, CollateralVault_NotFrozen(licenseId));
        uint16 freezes = --c.freezes;
        emit CollateralUnfrozen(licenseId, freezes);
    }

    /// @inheritdoc ICollateralVault
    function slash(LicenseRef calldata ref, uint16 bps, address reporter, uint40 payoutDelay)
        external
        onlyChallengeManager
        nonReentrant
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner)
    {
        require(bps <= BPS, CollateralVault_BadBps(bps));
        require(reporter != address(0), CollateralVault_NoReporter());
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        Collateral storage c = _collateral[licenseId];

        slashed = _share(c.amount, bps);
        c.amount -= slashed;
        toReporter = _share(slashed, ref.terms.slash.reporterBps);
        toOwner = _share(slashed, ref.terms.slash.ownerBps);
        uint128 burned = slashed - toReporter - toOwner;
        emit CollateralSlashed(licenseId, slashed, toReporter, toOwner, burned);

        address currency = ref.terms.currency;
        uint40 unlockAt = uint40(block.timestamp) + payoutDelay;
        _queue(reporter, currency, toReporter, unlockAt);
        _queue(ref.terms.owner, currency, toOwner, unlockAt);
        if (!Currency.tryBurn(currency, burned)) _queue(BURN, currency, burned, unlockAt);
    }

    /// @inheritdoc ICollateralVault
    function payOut(uint256 payoutId) external nonReentrant {
        require(
            payoutId < _payouts.length && _payouts[payoutId].amount != 0,
            CollateralVault_UnknownPayout(payoutId)
        );
        Payout memory p = _payouts[payoutId];
        require(block.timestamp >= p.unlockAt, CollateralVault_PayoutLocked(payoutId, p.unlockAt));

        _payouts[payoutId].amount = 0;
        emit PayoutPaid(payoutId, p.to, p.currency, p.amount);
        Currency.push(p.currency, p.to, p.amount);
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc ICollateralVault
    function collateral(bytes32 licenseId) external view returns (Collateral memory) {
        return _collateral[licenseId];
    }

    /// @inheritdoc ICollateralVault
    function payout(uint256 payoutId) external view returns (Payout memory) {
        require(payoutId < _payouts.length, CollateralVault_UnknownPayout(payoutId));
        return _payouts[payoutId];
    }

    /// @inheritdoc ICollateralVault
    function payoutCount() external view returns (uint256) {
        return _payouts.length;
    }

    /* -------------------------------- helpers -------------------------------- */

    function _deposit(bytes32 licenseId, address from, address currency, uint128 amount) private {
        _collateral[licenseId].amount += amount;
        emit CollateralDeposited(licenseId, from, currency, amount);
        Currency.pull(currency, from, amount);
    }

    function _release(bytes32 licenseId, address host, address currency) private {
        Collateral storage c = _collateral[licenseId];
        uint128 amount = c.amount;
        c.amount = 0;
        emit CollateralWithdrawn(licenseId, host, currency, amount);
        Currency.push(currency, host, amount);
    }

    function _queue(address to, address currency, uint128 amount, uint40 unlockAt) private {
        if (amount == 0) return;
        _payouts.push(Payout(to, currency, amount, unlockAt));
        emit PayoutQueued(_payouts.length - 1, to, currency, amount, unlockAt);
    }

    function _ownCollateral(LicenseRef calldata ref)
        private
        view
        returns (bytes32 licenseId, Collateral storage c)
    {
        require(msg.sender == ref.host, CollateralVault_OnlyHost(ref.host, msg.sender));
        licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        c = _collateral[licenseId];
    }

    /// @dev Rounds down; at most `amount` because `bps <= BPS`.
    function _share(uint128 amount, uint16 bps) private pure returns (uint128) {
        return uint128(uint256(amount) * bps / BPS);
    }
}
