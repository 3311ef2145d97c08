// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { Models } from "./Models.sol";
import { ServingKeys } from "./ServingKeys.sol";
import { ICollateralVault } from "./interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "./interfaces/IPaymentEscrow.sol";
import { IRounds } from "./interfaces/IRounds.sol";
import { Currency } from "./libraries/Currency.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { LicenseRef, LicenseStatus, NATIVE, Terms } from "./libraries/Types.sol";

/// @title Offers, licenses, the delivery of their copies, and their deployments
/// @dev Immutable: no owner, no proxy. Terms are not stored, only their hash; callers bring them.
contract LicenseRegistry is Models, ServingKeys, ReentrancyGuardTransient {
    struct Deployments {
        uint16 registered;
        mapping(bytes32 deploymentHash => Deployment) byHash;
    }

    uint256 private constant MAX_URI_LENGTH = 2048;

    /// @dev Renewals reach at most this far ahead, like the longest single term.
    uint40 private constant MAX_TERM = TermsLib.MAX_PERIOD;

    /// @dev From the acceptance on. Long enough for the acceptance to be final and the key to be
    /// included; the key must not be sent late in it, see `deliverKey`.
    uint40 private constant KEY_PERIOD = 1 days;

    /// @dev `liableUntil` of a registered deployment.
    uint40 private constant REGISTERED = type(uint40).max;

    ICollateralVault private immutable VAULT;
    IPaymentEscrow private immutable ESCROW;

    mapping(bytes32 offerId => bool) private _openOffers;
    mapping(bytes32 licenseId => License) private _licenses;
    mapping(bytes32 licenseId => Deployments) private _deployments;
    mapping(bytes32 licenseId => uint48 round) private _activationRounds;

    /// @param vault holds collateral; @param escrow holds fees; @param proofs and @param rounds
    /// decide @param beacon source of every seed
    constructor(address vault, address escrow, address proofs, address rounds, address beacon)
        Models(proofs, rounds, beacon)
    {
        VAULT = ICollateralVault(vault);
        ESCROW = IPaymentEscrow(escrow);
    }

    /* -------------------------------- offers -------------------------------- */

    /// @inheritdoc ILicenseRegistry
    function publishOffer(Terms calldata terms) external returns (bytes32 offerId) {
        require(msg.sender == terms.owner, LicenseRegistry_OnlyTermsOwner(terms.owner, msg.sender));
        offerId = TermsLib.offerId(terms, address(this));
        Model storage model = _models[terms.modelId];
        bytes32 universeRoot = _universes[terms.modelId][terms.epoch].root;
        IRounds.Config memory rounds = IRounds(ROUNDS).config();
        TermsLib.validate(
            terms,
            model.owner,
            model.royaltiesHash,
            universeRoot,
            rounds.answerWindow + rounds.openWindow
        );
        require(!_openOffers[offerId], LicenseRegistry_OfferExists(offerId));

        _openOffers[offerId] = true;
        emit OfferPublished(offerId, terms.modelId, terms.owner, terms);
    }

    /// @inheritdoc ILicenseRegistry
    function withdrawOffer(Terms calldata terms) external {
        require(msg.sender == terms.owner, LicenseRegistry_OnlyTermsOwner(terms.owner, msg.sender));
        bytes32 offerId = TermsLib.offerId(terms, address(this));
        require(_openOffers[offerId], LicenseRegistry_OfferNotOpen(offerId));

        _openOffers[offerId] = false;
        emit OfferWithdrawn(offerId);
    }

    /* -------------------------------- licenses -------------------------------- */

    /// @inheritdoc ILicenseRegistry
    function acquire(Terms calldata terms, uint96 nonce, address servingKey, bytes32 encryptionKey)
        external
        payable
        nonReentrant
        returns (bytes32 licenseId)
    {
        bytes32 offerId = TermsLib.offerId(terms, address(this));
        require(_openOffers[offerId], LicenseRegistry_OfferNotOpen(offerId));
        licenseId = TermsLib.licenseId(offerId, msg.sender, nonce);
        License storage l = _licenses[licenseId];
        require(l.status == LicenseStatus.None, LicenseRegistry_LicenseExists(licenseId));

        uint40 deadline = _now() + terms.deliveryPeriod;
        uint48 round = BEACON.nextRound();
        _addKey(licenseId, servingKey);
        l.status = LicenseStatus.Acquired;
        l.deadline = deadline;
        l.seedRound = round;
        emit LicenseAcquired(
            licenseId, offerId, msg.sender, nonce, servingKey, encryptionKey, round, deadline
        );

        // What is sent goes on as it is; the vault refuses an amount that is not fee + collateral.
        VAULT.depositFor{ value: msg.value }(
            licenseId, msg.sender, terms.currency, terms.collateral, terms.licenseFee
        );
    }

    /// @inheritdoc ILicenseRegistry
    function drawLicenseSeed(bytes32 licenseId) external {
        License storage l = _licenses[licenseId];
        require(l.seed == 0, LicenseRegistry_AlreadySeeded(licenseId));
        _requireStatus(licenseId, l.status, LicenseStatus.Acquired);

        (bytes32 seed, uint48 round) = _draw(licenseId, l.seedRound);
        if (seed == 0) {
            l.seedRound = round;
            emit SeedRoundMoved(licenseId, round);
        } else {
            l.status = LicenseStatus.Seeded;
            l.seed = seed;
            emit LicenseSeeded(licenseId, seed);
        }
    }

    /// @inheritdoc ILicenseRegistry
    function acceptCopy(LicenseRef calldata ref, bytes32 sealedRoot, bytes32 keyHash) external {
        (bytes32 licenseId, License storage l) = _ownLicense(ref);
        _requireStatus(licenseId, l.status, LicenseStatus.Seeded);
        require(sealedRoot != 0, LicenseRegistry_EmptyRoot());

        uint40 deadline = _now() + KEY_PERIOD;
        l.status = LicenseStatus.Accepted;
        l.deadline = deadline;
        l.sealedRoot = sealedRoot;
        l.copyKey = keyHash;
        emit CopyAccepted(licenseId, sealedRoot, keyHash, deadline);
    }

    /// @inheritdoc ILicenseRegistry
    function deliverKey(LicenseRef calldata ref, bytes32 key) external {
        bytes32 licenseId = TermsLib.licenseId(ref, address(this));
        License storage l = _licenses[licenseId];
        _requireStatus(licenseId, l.status, LicenseStatus.Accepted);
        require(keccak256(abi.encode(key)) == l.copyKey, LicenseRegistry_WrongKey(licenseId));

        // Whoever sees the transaction has the key, so no other's code may make it fail: the fee is
        // fetched by a call of its own.
        Terms calldata terms = ref.terms;
        uint40 expiry = _now() + terms.duration;
        l.status = LicenseStatus.Active;
        l.deadline = expiry;
        l.copyKey = key;
        l.feeDue = terms.licenseFee != 0;
        if (_trialFee(terms) != 0) l.trialEnd = _now() + terms.trialPeriod;
        // Only a penalty for unlicensed models needs the round; other licenses need not pay for it.
        if (terms.slash.unlicensedModelBps != 0) {
            _activationRounds[licenseId] = BEACON.nextRound();
        }
        // Counted here and not at the purchase: only a delivered copy can be accused, and purchases
        // that end in a refund must not raise everybody's threshold for nothing.
        ++_universes[terms.modelId][terms.epoch].licenses;
        emit LicenseActivated(licenseId, key, expiry);
    }

    /// @inheritdoc ILicenseRegistry
    function rejectCopy(LicenseRef calldata ref) external nonReentrant {
        (bytes32 licenseId, License storage l) = _ownLicense(ref);
        _requireStatus(licenseId, l.status, LicenseStatus.Active);
        require(_now() <= l.trialEnd, LicenseRegistry_TrialOver(licenseId, l.trialEnd));

        l.trialEnd = 0;
        emit CopyRejected(licenseId);
        _terminate(licenseId, l);

        VAULT.returnFee(licenseId, msg.sender, ref.terms.currency, _trialFee(ref.terms));
    }

    /// @inheritdoc ILicenseRegistry
    function releaseFee(LicenseRef calldata ref) external nonReentrant {
        bytes32 licenseId = TermsLib.licenseId(ref, address(this));
        License storage l = _licenses[licenseId];
        uint128 onTrial = _trialFee(ref.terms);
        uint128 amount;
        if (l.feeDue) {
            l.feeDue = false;
            amount = ref.terms.licenseFee - onTrial;
        }
        if (l.trialEnd != 0 && _now() > l.trialEnd) {
            l.trialEnd = 0;
            amount += onTrial;
        }
        require(amount != 0, LicenseRegistry_NoFeeDue(licenseId));

        ESCROW.releaseFee(ref, amount);
    }

    /// @inheritdoc ILicenseRegistry
    function renew(LicenseRef calldata ref) external payable nonReentrant {
        (bytes32 licenseId, License storage l) = _ownLicense(ref);
        require(isActive(licenseId, _now()), LicenseRegistry_NotActive(licenseId));
        bytes32 offerId = TermsLib.offerId(ref.terms, address(this));
        require(_openOffers[offerId], LicenseRegistry_OfferNotOpen(offerId));

        uint40 expiry = l.deadline + ref.terms.duration;
        require(expiry <= _now() + MAX_TERM, LicenseRegistry_TermTooLong(expiry, _now() + MAX_TERM));
        l.deadline = expiry;
        emit LicenseRenewed(licenseId, expiry);

        if (ref.terms.licenseFee != 0) ESCROW.takeFee{ value: msg.value }(ref);
        else require(msg.value == 0, Currency.Currency_WrongValue(msg.value, 0));
    }

    /// @inheritdoc ILicenseRegistry
    function cancel(LicenseRef calldata ref) external nonReentrant {
        (bytes32 licenseId, License storage l) = _ownLicense(ref);
        LicenseStatus status = l.status;
        require(
            status == LicenseStatus.Acquired || status == LicenseStatus.Seeded
                || status == LicenseStatus.Accepted,
            LicenseRegistry_WrongStatus(licenseId, status)
        );
        require(_now() > l.deadline, LicenseRegistry_DeliveryNotOver(licenseId, l.deadline));

        l.status = LicenseStatus.Cancelled;
        emit LicenseCancelled(licenseId);

        VAULT.refund(
            licenseId, msg.sender, ref.terms.currency, ref.terms.collateral, ref.terms.licenseFee
        );
    }

    /// @inheritdoc ILicenseRegistry
    function terminate(LicenseRef calldata ref) external {
        (bytes32 licenseId, License storage l) = _ownLicense(ref);
        _requireStatus(licenseId, l.status, LicenseStatus.Active);
        _terminate(licenseId, l);
    }

    /// @inheritdoc ILicenseRegistry
    function terminateFor(bytes32 licenseId) external onlyJudges {
        License storage l = _licenses[licenseId];
        if (l.status == LicenseStatus.Terminated) return;
        _requireStatus(licenseId, l.status, LicenseStatus.Active);
        _terminate(licenseId, l);
    }

    /// @inheritdoc ILicenseRegistry
    function commitCases(LicenseRef calldata ref, bytes32 casesRoot) external {
        address owner = ref.terms.owner;
        require(msg.sender == owner, LicenseRegistry_OnlyTermsOwner(owner, msg.sender));
        bytes32 licenseId = TermsLib.licenseId(ref, address(this));
        License storage l = _licenses[licenseId];
        LicenseStatus status = l.status;
        require(
            status != LicenseStatus.None && status != LicenseStatus.Cancelled,
            LicenseRegistry_WrongStatus(licenseId, status)
        );
        require(casesRoot != 0, LicenseRegistry_EmptyRoot());
        // Another root could hold the words whose draws turned out well.
        require(l.casesRoot == 0, LicenseRegistry_CasesCommitted(licenseId));

        l.casesRoot = casesRoot;
        l.casesAt = _now();
        emit CasesCommitted(licenseId, casesRoot);
    }

    /* -------------------------------- deployments -------------------------------- */

    /// @inheritdoc ILicenseRegistry
    function registerDeployment(LicenseRef calldata ref, string calldata uri) external {
        (bytes32 licenseId,) = _ownLicense(ref);
        require(isActive(licenseId, _now()), LicenseRegistry_NotActive(licenseId));
        uint256 length = bytes(uri).length;
        require(length != 0 && length <= MAX_URI_LENGTH, LicenseRegistry_BadUri(length));
        Deployments storage d = _deployments[licenseId];
        bytes32 deploymentHash = keccak256(bytes(uri));
        require(
            d.byHash[deploymentHash].liableUntil != REGISTERED,
            LicenseRegistry_DeploymentExists(licenseId, deploymentHash)
        );
        require(
            d.registered < ref.terms.maxDeployments,
            LicenseRegistry_TooManyDeployments(licenseId, ref.terms.maxDeployments)
        );

        ++d.registered;
        // As long as its host answers for it, a deployment that comes back is as old as it was:
        // rounds name what was registered when they were sealed.
        Deployment memory last = d.byHash[deploymentHash];
        uint40 since = last.liableUntil >= _now() ? last.registeredAt : _now();
        d.byHash[deploymentHash] = Deployment(since, REGISTERED);
        emit DeploymentRegistered(licenseId, deploymentHash, uri);
    }

    /// @inheritdoc ILicenseRegistry
    function retireDeployment(LicenseRef calldata ref, string calldata uri) external {
        (bytes32 licenseId,) = _ownLicense(ref);
        Deployments storage d = _deployments[licenseId];
        bytes32 deploymentHash = keccak256(bytes(uri));
        require(
            d.byHash[deploymentHash].liableUntil == REGISTERED,
            LicenseRegistry_UnknownDeployment(licenseId, deploymentHash)
        );

        --d.registered;
        d.byHash[deploymentHash].liableUntil = _now() + ref.terms.thawPeriod;
        emit DeploymentRetired(licenseId, deploymentHash);
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc ILicenseRegistry
    function activationRound(bytes32 licenseId) external view returns (uint48) {
        return _activationRounds[licenseId];
    }

    /// @inheritdoc ILicenseRegistry
    function offerIdOf(Terms calldata terms) external view returns (bytes32) {
        return TermsLib.offerId(terms, address(this));
    }

    /// @inheritdoc ILicenseRegistry
    function isOfferOpen(bytes32 offerId) external view returns (bool) {
        return _openOffers[offerId];
    }

    /// @inheritdoc ILicenseRegistry
    function licenseIdOf(LicenseRef calldata ref) external view returns (bytes32) {
        return TermsLib.licenseId(ref, address(this));
    }

    /// @inheritdoc ILicenseRegistry
    function license(bytes32 licenseId) external view returns (License memory) {
        return _licenses[licenseId];
    }

    /// @inheritdoc ILicenseRegistry
    function licenseState(bytes32 licenseId)
        external
        view
        returns (LicenseStatus status, uint40 deadline)
    {
        License storage l = _licenses[licenseId];
        return (l.status, l.deadline);
    }

    /// @inheritdoc ILicenseRegistry
    function isActive(bytes32 licenseId, uint40 time) public view returns (bool) {
        License storage l = _licenses[licenseId];
        return l.status == LicenseStatus.Active && time <= l.deadline;
    }

    /// @inheritdoc ILicenseRegistry
    function deployment(bytes32 licenseId, bytes32 deploymentHash)
        external
        view
        returns (Deployment memory)
    {
        return _deployments[licenseId].byHash[deploymentHash];
    }

    /* -------------------------------- helpers -------------------------------- */

    /// @dev Part of the fee that the host can get back after its copy could be read.
    function _trialFee(Terms calldata terms) private pure returns (uint128) {
        return terms.trialPeriod == 0 ? 0 : terms.licenseFee / 2;
    }

    /// @dev An expired license keeps its earlier deadline: a late termination must not extend the
    /// term.
    function _terminate(bytes32 licenseId, License storage l) private {
        uint40 endedAt = l.deadline < _now() ? l.deadline : _now();
        l.status = LicenseStatus.Terminated;
        l.deadline = endedAt;
        emit LicenseTerminated(licenseId, endedAt);
    }

    function _ownLicense(LicenseRef calldata ref)
        private
        view
        returns (bytes32 licenseId, License storage l)
    {
        require(msg.sender == ref.host, LicenseRegistry_OnlyHost(ref.host, msg.sender));
        licenseId = TermsLib.licenseId(ref, address(this));
        l = _licenses[licenseId];
    }

    function _requireStatus(bytes32 licenseId, LicenseStatus status, LicenseStatus expected)
        private
        pure
    {
        require(status == expected, LicenseRegistry_WrongStatus(licenseId, status));
    }

    function _now() private view returns (uint40) {
        return uint40(block.timestamp);
    }
}
