// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import { ServingKeys } from "./ServingKeys.sol";
import { IBeacon } from "./interfaces/IBeacon.sol";
import { ICollateralVault } from "./interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "./interfaces/IPaymentEscrow.sol";
import { IRounds } from "./interfaces/IRounds.sol";
import { Bundles } from "./libraries/Bundles.sol";
import { Currency } from "./libraries/Currency.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import {
    BPS,
    LicenseRef,
    LicenseStatus,
    MAX_PARENTS,
    NATIVE,
    Parent,
    Royalty,
    Terms
} from "./libraries/Types.sol";

/// @title Models, universes, offers, licenses and their deployments
/// @dev Immutable: no owner, no proxy. Terms are not stored, only their hash; callers bring them.
contract LicenseRegistry is ILicenseRegistry, ServingKeys, ReentrancyGuardTransient {
    struct Model {
        address owner;
        uint32 epochs;
        bytes32 royaltiesHash;
    }

    struct Deployments {
        uint16 registered;
        mapping(bytes32 deploymentHash => Deployment) byHash;
    }

    /// @dev Leaves per bundle.
    uint32 private constant BUNDLE = 16;

    /// @dev 65,536 bundles.
    uint256 private constant MAX_FINGERPRINTS = 1 << 20;

    uint256 private constant MAX_URI_LENGTH = 2048;

    /// @dev Renewals reach at most this far ahead, like the longest single term.
    uint40 private constant MAX_TERM = TermsLib.MAX_PERIOD;

    /// @dev `liableUntil` of a registered deployment.
    uint40 private constant REGISTERED = type(uint40).max;

    ICollateralVault private immutable VAULT;
    IPaymentEscrow private immutable ESCROW;
    address private immutable PROOFS;
    address private immutable ROUNDS;
    IBeacon private immutable BEACON;

    mapping(bytes32 modelId => Model) private _models;
    mapping(bytes32 modelId => mapping(uint32 epoch => Universe)) private _universes;
    mapping(
        bytes32 modelId => mapping(uint32 epoch => mapping(uint256 word => uint256 days16))
    ) private _burned;
    mapping(bytes32 offerId => bool) private _openOffers;
    mapping(bytes32 licenseId => License) private _licenses;
    mapping(bytes32 licenseId => Deployments) private _deployments;
    mapping(bytes32 licenseId => uint48 round) private _activationRounds;

    modifier onlyJudges() {
        require(
            msg.sender == PROOFS || msg.sender == ROUNDS, LicenseRegistry_OnlyJudges(msg.sender)
        );
        _;
    }

    /// @param vault holds collateral; @param escrow holds fees; @param proofs and @param rounds
    /// decide @param beacon source of every seed
    constructor(address vault, address escrow, address proofs, address rounds, address beacon) {
        VAULT = ICollateralVault(vault);
        ESCROW = IPaymentEscrow(escrow);
        PROOFS = proofs;
        ROUNDS = rounds;
        BEACON = IBeacon(beacon);
    }

    /* -------------------------------- models and universes -------------------------------- */

    /// @inheritdoc ILicenseRegistry
    function registerModel(bytes32 weightsHash, bytes32 metadataHash, Parent[] calldata parents)
        external
        returns (bytes32 modelId)
    {
        modelId = keccak256(
            abi.encode(block.chainid, address(this), msg.sender, weightsHash, metadataHash)
        );
        Model storage model = _models[modelId];
        require(model.owner == address(0), LicenseRegistry_ModelExists(modelId));

        Royalty[] memory royalties = _royaltiesOf(parents);
        model.owner = msg.sender;
        if (royalties.length != 0) model.royaltiesHash = TermsLib.royaltiesHash(royalties);
        emit ModelRegistered(modelId, msg.sender, weightsHash, metadataHash, royalties);
    }

    /// @inheritdoc ILicenseRegistry
    function commitUniverse(bytes32 modelId, bytes32 root, uint32 personalCount, uint32 sharedCount)
        external
        returns (uint32 epoch)
    {
        Model storage model = _models[modelId];
        require(msg.sender == model.owner, LicenseRegistry_OnlyModelOwner(modelId, msg.sender));
        require(root != 0, LicenseRegistry_EmptyRoot());
        require(
            personalCount != 0 && personalCount % BUNDLE == 0 && sharedCount % BUNDLE == 0
                && uint256(personalCount) + sharedCount <= MAX_FINGERPRINTS,
            LicenseRegistry_BadUniverseSize(personalCount, sharedCount)
        );

        epoch = model.epochs++;
        uint48 round = BEACON.nextRound();
        Universe storage u = _universes[modelId][epoch];
        u.root = root;
        u.personalCount = personalCount;
        u.sharedCount = sharedCount;
        u.seedRound = round;
        emit UniverseCommitted(modelId, epoch, root, personalCount, sharedCount, round);
    }

    /// @inheritdoc ILicenseRegistry
    function drawUniverseSeed(bytes32 modelId, uint32 epoch) external {
        Universe storage u = _universe(modelId, epoch);
        bytes32 subject = keccak256(abi.encode(modelId, epoch));
        require(u.seed == 0, LicenseRegistry_AlreadySeeded(subject));

        (bytes32 seed, uint48 round) = _draw(subject, u.seedRound);
        if (seed == 0) {
            u.seedRound = round;
            emit SeedRoundMoved(subject, round);
        } else {
            u.seed = seed;
            emit UniverseSeeded(modelId, epoch, seed);
        }
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
    function acquire(Terms calldata terms, uint96 nonce, address servingKey)
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
        emit LicenseAcquired(licenseId, offerId, msg.sender, nonce, servingKey, round, deadline);

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
    function activate(LicenseRef calldata ref, bytes32 artefactHash) external nonReentrant {
        (bytes32 licenseId, License storage l) = _ownLicense(ref);
        _requireStatus(licenseId, l.status, LicenseStatus.Seeded);
        require(artefactHash != 0, LicenseRegistry_NoArtefactHash());

        uint40 expiry = _now() + ref.terms.duration;
        l.status = LicenseStatus.Active;
        l.deadline = expiry;
        l.artefactHash = artefactHash;
        // Only a penalty for unlicensed models needs the round; other licenses need not pay for it.
        if (ref.terms.slash.unlicensedModelBps != 0) {
            _activationRounds[licenseId] = BEACON.nextRound();
        }
        // Counted here and not at the purchase: only a delivered copy can be accused, and purchases
        // that end in a refund must not raise everybody's threshold for nothing.
        ++_universes[ref.terms.modelId][ref.terms.epoch].licenses;
        emit LicenseActivated(licenseId, artefactHash, expiry);

        if (ref.terms.licenseFee != 0) ESCROW.releaseFee(ref);
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
            status == LicenseStatus.Acquired || status == LicenseStatus.Seeded,
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

    /* -------------------------------- burned bundles -------------------------------- */

    /// @inheritdoc ILicenseRegistry
    function burn(bytes32 modelId, uint32 epoch, uint32[] calldata bundles) external onlyJudges {
        Universe storage u = _universe(modelId, epoch);
        mapping(uint256 word => uint256 days16) storage burned = _burned[modelId][epoch];
        u.burnedBundles += uint32(bundles.length);
        for (uint256 j; j < bundles.length; ++j) {
            uint32 bundle = bundles[j];
            require(
                bundle < u.personalCount / BUNDLE && Bundles.burnedOn(burned, bundle) == 0,
                LicenseRegistry_BundleBurned(bundle)
            );
            Bundles.burn(burned, bundle, Bundles.dayOf(block.timestamp));
            emit BundleBurned(modelId, epoch, bundle);
        }
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc ILicenseRegistry
    function modelOwner(bytes32 modelId) external view returns (address) {
        return _models[modelId].owner;
    }

    /// @inheritdoc ILicenseRegistry
    function epochs(bytes32 modelId) external view returns (uint32) {
        return _models[modelId].epochs;
    }

    /// @inheritdoc ILicenseRegistry
    function universe(bytes32 modelId, uint32 epoch) external view returns (Universe memory) {
        return _universes[modelId][epoch];
    }

    /// @inheritdoc ILicenseRegistry
    function burnedOn(bytes32 modelId, uint32 epoch, uint32 bundle)
        external
        view
        returns (uint16 day)
    {
        return Bundles.burnedOn(_burned[modelId][epoch], bundle);
    }

    /// @inheritdoc ILicenseRegistry
    function drawBundles(bytes32 modelId, uint32 epoch, bytes32 seed, uint8 wanted, uint40 sealedAt)
        external
        view
        returns (uint32[] memory bundles, bool[] memory burned)
    {
        mapping(uint256 word => uint256 days16) storage days_ = _burned[modelId][epoch];
        uint32 count = _universe(modelId, epoch).personalCount / BUNDLE;
        bundles = Bundles.draw(days_, seed, count, wanted, Bundles.dayOf(sealedAt));
        burned = new bool[](bundles.length);
        for (uint256 j; j < bundles.length; ++j) {
            burned[j] = Bundles.burnedOn(days_, bundles[j]) != 0;
        }
    }

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

    function _royaltiesOf(Parent[] calldata parents)
        private
        view
        returns (Royalty[] memory royalties)
    {
        uint256 count = parents.length;
        require(count <= MAX_PARENTS, LicenseRegistry_TooManyParents(count, MAX_PARENTS));
        royalties = new Royalty[](count);
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 parent = parents[i].modelId;
            address payee = _models[parent].owner;
            require(payee != address(0), LicenseRegistry_UnknownModel(parent));
            for (uint256 j = 0; j < i; ++j) {
                require(parents[j].modelId != parent, LicenseRegistry_DuplicateParent(parent));
            }
            uint16 bps = parents[i].bps;
            sum += bps;
            require(bps != 0 && sum <= BPS, LicenseRegistry_BadRoyalties(sum));
            royalties[i] = Royalty(payee, bps);
        }
    }

    /// @dev Seed of a subject, or a new round if the old one is stale. Reverts while pending.
    function _draw(bytes32 subject, uint48 round)
        private
        view
        returns (bytes32 seed, uint48 newRound)
    {
        (IBeacon.Status status, bytes32 value) = BEACON.valueOf(round);
        require(status != IBeacon.Status.Pending, LicenseRegistry_SeedPending(subject, round));
        if (status == IBeacon.Status.Stale) return (0, BEACON.nextRound());
        return (keccak256(abi.encodePacked(value, address(this), subject)), round);
    }

    /// @dev An expired license keeps its earlier deadline: a late termination must not extend the
    /// term.
    function _terminate(bytes32 licenseId, License storage l) private {
        uint40 endedAt = l.deadline < _now() ? l.deadline : _now();
        l.status = LicenseStatus.Terminated;
        l.deadline = endedAt;
        emit LicenseTerminated(licenseId, endedAt);
    }

    function _universe(bytes32 modelId, uint32 epoch) private view returns (Universe storage u) {
        u = _universes[modelId][epoch];
        require(u.root != 0, LicenseRegistry_UnknownUniverse(modelId, epoch));
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
