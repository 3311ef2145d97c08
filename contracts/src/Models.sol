// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "./interfaces/IBeacon.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { Bundles } from "./libraries/Bundles.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { BPS, MAX_PARENTS, Parent, Royalty } from "./libraries/Types.sol";

/// @title Models, the universes of their fingerprints, and what of these is burned
abstract contract Models is ILicenseRegistry {
    struct Model {
        address owner;
        uint32 epochs;
        bytes32 royaltiesHash;
    }

    /// @dev Leaves per bundle.
    uint32 private constant BUNDLE = 16;

    /// @dev 65,536 bundles.
    uint256 private constant MAX_FINGERPRINTS = 1 << 20;

    address internal immutable PROOFS;
    address internal immutable ROUNDS;
    IBeacon internal immutable BEACON;

    mapping(bytes32 modelId => Model) internal _models;
    mapping(bytes32 modelId => mapping(uint32 epoch => Universe)) internal _universes;
    mapping(
        bytes32 modelId => mapping(uint32 epoch => mapping(uint256 word => uint256 days16))
    ) private _burned;

    modifier onlyJudges() {
        require(
            msg.sender == PROOFS || msg.sender == ROUNDS, LicenseRegistry_OnlyJudges(msg.sender)
        );
        _;
    }

    /// @param proofs and @param rounds decide @param beacon source of every seed
    constructor(address proofs, address rounds, address beacon) {
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
        internal
        view
        returns (bytes32 seed, uint48 newRound)
    {
        (IBeacon.Status status, bytes32 value) = BEACON.valueOf(round);
        require(status != IBeacon.Status.Pending, LicenseRegistry_SeedPending(subject, round));
        if (status == IBeacon.Status.Stale) return (0, BEACON.nextRound());
        return (keccak256(abi.encodePacked(value, address(this), subject)), round);
    }

    function _universe(bytes32 modelId, uint32 epoch) private view returns (Universe storage u) {
        u = _universes[modelId][epoch];
        require(u.root != 0, LicenseRegistry_UnknownUniverse(modelId, epoch));
    }
}
