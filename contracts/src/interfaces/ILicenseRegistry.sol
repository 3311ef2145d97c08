// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IServingKeys } from "./IServingKeys.sol";
import { LicenseRef, LicenseStatus, Parent, Royalty, Terms } from "../libraries/Types.sol";

/// @title Models, universes, offers, licenses and their deployments
interface ILicenseRegistry is IServingKeys {
    /// @param root Merkle root of the leaves
    /// @param seed model seed of the shared part, 0 until drawn
    /// @param personalCount number of fingerprints of the personal part
    /// @param sharedCount number of fingerprints of the shared part
    /// @param seedRound beacon round of `seed`
    /// @param licenses licenses ever activated: those a false accuser could have chosen from
    /// @param burnedBundles burned bundles of the personal part
    struct Universe {
        bytes32 root;
        bytes32 seed;
        uint32 personalCount;
        uint32 sharedCount;
        uint48 seedRound;
        uint32 licenses;
        uint32 burnedBundles;
    }

    /// @param status life cycle
    /// @param deadline end of delivery while `Acquired` or `Seeded`, of the key's delivery while
    /// `Accepted`, else end of the term
    /// @param seedRound beacon round of `seed`
    /// @param casesAt when `casesRoot` was committed
    /// @param trialEnd until when the host can reject its copy and get half of the fee back; 0 if
    /// there is no trial, or that half has gone to somebody
    /// @param feeDue whether the rest of the fee waits for `releaseFee`
    /// @param seed draws the license's answers, 0 until drawn
    /// @param sealedRoot names the sealed copy that the host accepted, 0 before
    /// @param copyKey while `Accepted` the hash of the key that opens it, afterwards the key
    /// @param casesRoot root of the 128 words with which rounds of this license can be sealed
    struct License {
        LicenseStatus status;
        uint40 deadline;
        uint48 seedRound;
        uint40 casesAt;
        uint40 trialEnd;
        bool feeDue;
        bytes32 seed;
        bytes32 sealedRoot;
        bytes32 copyKey;
        bytes32 casesRoot;
    }

    /// @param registeredAt since when its host answers for it without a gap, 0 if never
    /// @param liableUntil until when a round that names it can be opened: max while it is
    /// registered, retirement + thaw after
    struct Deployment {
        uint40 registeredAt;
        uint40 liableUntil;
    }

    /// @notice Only the contracts that decide: `Proofs` and `Rounds`.
    error LicenseRegistry_OnlyJudges(address caller);
    error LicenseRegistry_OnlyModelOwner(bytes32 modelId, address caller);
    error LicenseRegistry_OnlyTermsOwner(address owner, address caller);
    error LicenseRegistry_OnlyHost(address host, address caller);
    error LicenseRegistry_ModelExists(bytes32 modelId);
    error LicenseRegistry_UnknownModel(bytes32 modelId);
    error LicenseRegistry_TooManyParents(uint256 count, uint256 max);
    error LicenseRegistry_DuplicateParent(bytes32 modelId);
    error LicenseRegistry_BadRoyalties(uint256 bps);
    error LicenseRegistry_EmptyRoot();
    error LicenseRegistry_BadUniverseSize(uint32 personalCount, uint32 sharedCount);
    error LicenseRegistry_UnknownUniverse(bytes32 modelId, uint32 epoch);
    error LicenseRegistry_AlreadySeeded(bytes32 subject);
    error LicenseRegistry_SeedPending(bytes32 subject, uint48 round);
    error LicenseRegistry_OfferExists(bytes32 offerId);
    error LicenseRegistry_OfferNotOpen(bytes32 offerId);
    error LicenseRegistry_LicenseExists(bytes32 licenseId);
    /// @notice The key is not the one whose hash the host accepted.
    error LicenseRegistry_WrongKey(bytes32 licenseId);
    /// @notice The license has no trial, or it is over.
    error LicenseRegistry_TrialOver(bytes32 licenseId, uint40 trialEnd);
    /// @notice No part of the license's fee waits for its owner now.
    error LicenseRegistry_NoFeeDue(bytes32 licenseId);
    error LicenseRegistry_WrongStatus(bytes32 licenseId, LicenseStatus status);
    error LicenseRegistry_DeliveryNotOver(bytes32 licenseId, uint40 deadline);
    error LicenseRegistry_NotActive(bytes32 licenseId);
    /// @notice The renewed term would end too far ahead.
    error LicenseRegistry_TermTooLong(uint40 expiry, uint40 max);
    error LicenseRegistry_BadUri(uint256 length);
    error LicenseRegistry_DeploymentExists(bytes32 licenseId, bytes32 deploymentHash);
    error LicenseRegistry_UnknownDeployment(bytes32 licenseId, bytes32 deploymentHash);
    error LicenseRegistry_TooManyDeployments(bytes32 licenseId, uint16 max);
    /// @notice The words of a license's rounds are committed once.
    error LicenseRegistry_CasesCommitted(bytes32 licenseId);
    /// @notice The bundle is burned or none of the personal part.
    error LicenseRegistry_BundleBurned(uint32 bundle);

    event ModelRegistered(
        bytes32 indexed modelId,
        address indexed owner,
        bytes32 weightsHash,
        bytes32 metadataHash,
        Royalty[] royalties
    );
    event UniverseCommitted(
        bytes32 indexed modelId,
        uint32 indexed epoch,
        bytes32 root,
        uint32 personalCount,
        uint32 sharedCount,
        uint48 seedRound
    );
    event UniverseSeeded(bytes32 indexed modelId, uint32 indexed epoch, bytes32 seed);
    event OfferPublished(
        bytes32 indexed offerId, bytes32 indexed modelId, address indexed owner, Terms terms
    );
    event OfferWithdrawn(bytes32 indexed offerId);
    event LicenseAcquired(
        bytes32 indexed licenseId,
        bytes32 indexed offerId,
        address indexed host,
        uint96 nonce,
        address servingKey,
        bytes32 encryptionKey,
        uint48 seedRound,
        uint40 deliveryDeadline
    );
    event LicenseSeeded(bytes32 indexed licenseId, bytes32 seed);
    event SeedRoundMoved(bytes32 indexed subject, uint48 seedRound);
    event CopyAccepted(
        bytes32 indexed licenseId, bytes32 sealedRoot, bytes32 keyHash, uint40 keyDeadline
    );
    event LicenseActivated(bytes32 indexed licenseId, bytes32 copyKey, uint40 expiry);
    event CopyRejected(bytes32 indexed licenseId);
    event CasesCommitted(bytes32 indexed licenseId, bytes32 casesRoot);
    event LicenseRenewed(bytes32 indexed licenseId, uint40 expiry);
    event LicenseCancelled(bytes32 indexed licenseId);
    event LicenseTerminated(bytes32 indexed licenseId, uint40 endedAt);
    event DeploymentRegistered(
        bytes32 indexed licenseId, bytes32 indexed deploymentHash, string uri
    );
    event DeploymentRetired(bytes32 indexed licenseId, bytes32 indexed deploymentHash);
    event BundleBurned(bytes32 indexed modelId, uint32 indexed epoch, uint32 bundle);

    /// @notice Registers a model of the caller. Parents must exist; their owners get `bps` of the
    /// owner's share.
    function registerModel(bytes32 weightsHash, bytes32 metadataHash, Parent[] calldata parents)
        external
        returns (bytes32 modelId);

    /// @notice Commits the next epoch of fingerprints. Only the model's owner. Counts are multiples
    /// of 16, `personalCount` is positive. Epochs count from 0.
    function commitUniverse(bytes32 modelId, bytes32 root, uint32 personalCount, uint32 sharedCount)
        external
        returns (uint32 epoch);

    /// @notice Draws the model seed of a universe once its beacon round was brought. Anyone.
    /// Re-commits a stale round.
    function drawUniverseSeed(bytes32 modelId, uint32 epoch) external;

    /// @notice Publishes an offer; refuses terms that no code could enforce. Only the model's
    /// owner.
    function publishOffer(Terms calldata terms) external returns (bytes32 offerId);

    /// @notice No new licenses under this offer. Only `terms.owner`. Existing licenses are
    /// untouched.
    function withdrawOffer(Terms calldata terms) external;

    /// @notice Buys a license of an open offer, with `servingKey` as its key of epoch 0: pays fee +
    /// collateral (held by the vault), fixes the seed's beacon round. Native currency: `msg.value`
    /// = fee + collateral exactly. ERC-20: an allowance of the same amount to the vault, which
    /// holds both.
    /// @param encryptionKey X25519 public key to which the owner seals the copy
    function acquire(Terms calldata terms, uint96 nonce, address servingKey, bytes32 encryptionKey)
        external
        payable
        returns (bytes32 licenseId);

    /// @notice Draws the license's seed. Anyone. Re-commits a stale round.
    function drawLicenseSeed(bytes32 licenseId) external;

    /// @notice The host has the sealed copy of this root, and wants the key of this hash. From now
    /// on the owner has a day to deliver the key; nothing else moves the fee. Only the host, as
    /// long as it has not cancelled.
    /// @param keyHash `keccak256(abi.encode(key))`
    function acceptCopy(LicenseRef calldata ref, bytes32 sealedRoot, bytes32 keyHash) external;

    /// @notice Makes the copy readable: the license is active, its term starts, and the fee is the
    /// owner's, but for the half that waits for the end of a trial. Anyone who has the key.
    /// @dev A key that is seen but not included is lost, since the host can cancel after the
    /// deadline. So owners send it only when the acceptance is final, and in the first half of the
    /// day.
    function deliverKey(LicenseRef calldata ref, bytes32 key) external;

    /// @notice The host rejects what it was delivered: the license ends, half of the fee comes
    /// back. Only the host, during the trial.
    function rejectCopy(LicenseRef calldata ref) external;

    /// @notice Gives the owner and the parents what they have earned of the license's fee. Anyone.
    function releaseFee(LicenseRef calldata ref) external;

    /// @notice Pays the fee once more and adds `terms.duration` to a running term, as long as the
    /// offer is open. Native currency: `msg.value` = fee. ERC-20: allowance to the escrow. Only the
    /// host.
    function renew(LicenseRef calldata ref) external payable;

    /// @notice Refunds fee and collateral of a license whose copy, or the key to it, was not
    /// delivered in time. Only the host.
    function cancel(LicenseRef calldata ref) external;

    /// @notice The host ends its license early. Only the host.
    function terminate(LicenseRef calldata ref) external;

    /// @notice Ends a license whose host was found guilty; nothing happens if it has ended. Only
    /// `Proofs` and `Rounds`.
    function terminateFor(bytes32 licenseId) external;

    /// @notice Commits the words with which rounds of this license can be sealed, see
    /// `IRounds.wordOf`. Only the offer's owner, once. Rounds sealed before do not count.
    function commitCases(LicenseRef calldata ref, bytes32 casesRoot) external;

    /// @notice Declares a running service under the license. Only the host, at most
    /// `terms.maxDeployments` at a time.
    function registerDeployment(LicenseRef calldata ref, string calldata uri) external;

    /// @notice Withdraws the declaration; a round can still be opened for `terms.thawPeriod`. Only
    /// the host.
    function retireDeployment(LicenseRef calldata ref, string calldata uri) external;

    /// @notice Burns personal bundles whose leaves were opened; refuses what is burned. Only
    /// `Proofs` and `Rounds`.
    function burn(bytes32 modelId, uint32 epoch, uint32[] calldata bundles) external;

    function modelOwner(bytes32 modelId) external view returns (address);
    function epochs(bytes32 modelId) external view returns (uint32);
    function universe(bytes32 modelId, uint32 epoch) external view returns (Universe memory);
    /// @notice Day since 1970 on which the bundle was burned, or 0.
    function burnedOn(bytes32 modelId, uint32 epoch, uint32 bundle)
        external
        view
        returns (uint16 day);

    /// @notice Personal bundles that a round with this seed opens, see `Bundles.draw`; fewer than
    /// `wanted` if the universe is nearly used up.
    /// @return bundles numbers in the order of the draw
    /// @return burned which of them were burned since the day of the seal
    function drawBundles(bytes32 modelId, uint32 epoch, bytes32 seed, uint8 wanted, uint40 sealedAt)
        external
        view
        returns (uint32[] memory bundles, bool[] memory burned);

    /// @notice Beacon round of whose value nobody knew when the host's copy became readable; 0
    /// unless that has happened and its terms punish `UnlicensedModel`.
    function activationRound(bytes32 licenseId) external view returns (uint48);
    function offerIdOf(Terms calldata terms) external view returns (bytes32);
    function isOfferOpen(bytes32 offerId) external view returns (bool);
    function licenseIdOf(LicenseRef calldata ref) external view returns (bytes32);
    function license(bytes32 licenseId) external view returns (License memory);

    /// @notice Status and deadline alone: one storage read for callers that need no seed.
    function licenseState(bytes32 licenseId)
        external
        view
        returns (LicenseStatus status, uint40 deadline);

    /// @notice Whether the license may serve at `time` (active, not past its expiry).
    function isActive(bytes32 licenseId, uint40 time) external view returns (bool);

    function deployment(bytes32 licenseId, bytes32 deploymentHash)
        external
        view
        returns (Deployment memory);
}
