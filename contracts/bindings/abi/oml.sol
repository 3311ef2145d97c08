// SPDX-License-Identifier: MIT OR Apache-2.0
// Generated from contracts/src/interfaces and contracts/src/libraries/Types.sol; do not edit.
pragma solidity ^0.8.30;

/// @notice A parent's share of the owner's share.
/// @param payee owner of the parent model when the child was registered
/// @param bps part of the owner's share, in basis points
struct Royalty {
    address payee;
    uint16 bps;
}

/// @notice A parent model named at registration.
struct Parent {
    bytes32 modelId;
    uint16 bps;
}

/// @notice What a violation costs, in basis points of the collateral, and who gets it. At level 0
/// the reporter gets at most a tenth of what was slashed.
struct SlashTerms {
    uint16 equivocationBps;
    uint16 underMeteringBps;
    uint16 outOfTermBps;
    uint16 unlicensedModelBps;
    uint16 unpaidUseBps;
    uint16 reporterBps;
    uint16 ownerBps;
}

/// @notice The published terms of an offer. The chain stores only their hash (`offerId`); whoever
/// needs a term passes all of them. Every field is enforced by code.
/// @dev During `trialPeriod`, 0 for none, half of the license fee is held, and the host can reject
/// its copy. `seats` of a level-2 round and `alphaInverse`, 1/α as a whole number: α bounds the
/// chance that an innocent host is ever convicted.
struct Terms {
    bytes32 modelId;
    uint32 epoch;
    address owner;
    address currency;
    uint128 licenseFee;
    uint128 pricePerRequest;
    uint128 pricePerThousandTokens;
    uint16 ownerShareBps;
    uint128 collateral;
    uint16 minCollateralRatioBps;
    uint40 duration;
    uint40 deliveryPeriod;
    uint40 trialPeriod;
    uint40 settlementPeriod;
    uint40 thawPeriod;
    uint16 maxDeployments;
    uint8 evidenceLevels;
    bool leakLiability;
    uint8 seats;
    uint64 alphaInverse;
    SlashTerms slash;
    Royalty[] royalties;
}

/// @notice Names a license and proves its terms: `licenseId = keccak(offerId(terms), host, nonce)`.
struct LicenseRef {
    Terms terms;
    address host;
    uint96 nonce;
}

/// @notice One opened leaf.
/// @param tags 16 tags of 4 bytes each, packed in order
struct OpenedLeaf {
    bytes32 salt;
    bytes32 keyHash;
    bytes32[2] tags;
}

/// @notice A bundle of 16 leaves with its Merkle proof; without leaves it stays closed.
struct OpenedBundle {
    OpenedLeaf[] leaves;
    bytes32[] siblings;
}

enum LicenseStatus {
    None,
    Acquired,
    Seeded,
    Accepted,
    Active,
    Terminated,
    Cancelled
}

/// @notice Violations. The first four are level-0 proofs; `UnpaidUse` is what level-2 rounds find.
enum Violation {
    Equivocation,
    UnderMetering,
    OutOfTerm,
    UnlicensedModel,
    UnpaidUse
}

/// @notice A key with which a license's receipts are signed. One slot.
/// @param signer account of the key; only its own signature counts, not that of any code
/// @param from when the key was named
/// @param until receipts dated later are not this key's: an hour after the next key was named, or
/// the moment of its revocation; `type(uint40).max` before
/// @param revoked somebody else may have the key, so that proofs by it lapse, see
/// `Receipts.admissibleUntil`
struct ServingKey {
    address signer;
    uint40 from;
    uint40 until;
    bool revoked;
}

/// @notice Host-signed statement of what was served (EIP-712).
/// @param keyEpoch number of the license's serving key that signs, from 0
/// @param seq the host gives each number once for every (license, keyEpoch, channel), in increasing
/// order; numbers may be left out
/// @param cumulativeRequests requests of the channel up to this one, whatever the epoch
/// @param servedAt when the request was admitted
struct Receipt {
    bytes32 licenseId;
    uint32 keyEpoch;
    bytes32 channelId;
    uint64 seq;
    uint64 cumulativeRequests;
    uint64 cumulativeTokens;
    uint64 servedAt;
    bytes32 requestHash;
    bytes32 responseHash;
}

/// @notice Payer-signed cumulative promise that names the request (EIP-712).
struct Voucher {
    bytes32 channelId;
    uint128 cumulativeAmount;
    uint64 cumulativeRequests;
    uint64 cumulativeTokens;
    bytes32 requestHash;
}

/// @title Source of randomness that nobody knows when a commitment is made
/// @notice A commitment names `nextRound()`. Once the round is out, anybody brings what proves its
/// value; from then on `valueOf` has it. Rounds grow with time, and so do their numbers.
interface Beacon {
    /// @notice What a node has to bring.
    enum Kind {
        Other,
        Randao,
        DrandBn254,
        DrandBls12
    }

    enum Status {
        Pending,
        Ready,
        Stale
    }

    event RoundBrought(uint48 indexed round, bytes32 value);

    /// @notice The round is not out at the block (RANDAO) or time (drand) `present`, but at `due`.
    error Beacon_NotOut(uint48 round, uint256 present, uint256 due);
    /// @notice There is no such round.
    error Beacon_NoSuchRound(uint48 round);
    /// @notice A constructor argument is outside of its bounds.
    error Beacon_BadSetting(bytes32 name, uint256 given, uint256 min, uint256 max);

    /// @notice Proves the value of a round, once; later calls return it whatever the proof.
    function bring(uint48 round, bytes calldata proof) external returns (bytes32 value);

    /// @notice The round to name in a commitment made now; its value is unknown to everyone.
    function nextRound() external view returns (uint48 round);

    /// @notice Value of a round. `Pending`: not out, or not brought. `Stale`: can't be had any
    /// more, commit again.
    function valueOf(uint48 round) external view returns (Status status, bytes32 value);

    /// @notice Distance from a commitment to its value: blocks (RANDAO) or seconds (drand).
    function margin() external view returns (uint48);

    /// @notice Bits that one who makes blocks can buy per round by skipping slots; the premium of a
    /// round is 1 + this.
    function biasBits() external view returns (uint8);

    function kind() external pure returns (Kind);
}

/// @title What a node must know of a drand network besides `IBeacon`
interface DrandBeacon {
    /// @notice The proof is not this long.
    error Drand_BadLength(uint256 given, uint256 expected);
    /// @notice Not the network's signature of this round.
    error Drand_BadSignature(uint48 round);
    /// @notice Not a point of the right group, or its zero.
    error Drand_BadPublicKey();

    /// @notice Second in which a round comes out.
    function publishedAt(uint48 round) external view returns (uint256);

    /// @notice The network's key, not compressed: x.c1, x.c0, y.c1, y.c0.
    function publicKey() external view returns (bytes memory);

    /// @notice Second of round 1.
    function genesis() external view returns (uint48);

    /// @notice Seconds from round to round.
    function period() external view returns (uint48);
}

/// @title Models, universes, offers, licenses and their deployments
interface LicenseRegistry {
    error ServingKeys_OnlyHost(address host, address caller);
    error ServingKeys_NoSigner();
    /// @notice The license has no key of this epoch, or was never bought.
    error ServingKeys_NoSuchKey(bytes32 licenseId, uint32 keyEpoch);
    error ServingKeys_Revoked(bytes32 licenseId, uint32 keyEpoch);

    event ServingKeyRotated(
        bytes32 indexed licenseId, uint32 indexed keyEpoch, address indexed signer
    );
    event ServingKeyRevoked(bytes32 indexed licenseId, uint32 indexed keyEpoch, uint40 revokedAt);

    /// @notice Names the next key; the one before ends, with an hour for receipts of requests that
    /// were admitted before. Its receipts remain evidence for ever. Only the host, whatever the
    /// license's status. The same account may be named again: its numbers begin anew.
    function rotateServingKey(LicenseRef calldata ref, address next)
        external
        returns (uint32 keyEpoch);

    /// @notice Declares a key stolen, current or retired, and ends it at once: proofs by it are
    /// admissible only until settlement period + 7 days from now. Until then the thief's signatures
    /// are the host's risk. Names no other key. Only the host, once a key.
    function revokeServingKey(LicenseRef calldata ref, uint32 keyEpoch) external;

    /// @notice Key of an epoch; all zero if there is none.
    function servingKey(bytes32 licenseId, uint32 keyEpoch)
        external
        view
        returns (ServingKey memory);

    /// @notice All keys that the license ever had, by epoch; the last one is current unless it is
    /// revoked.
    function servingKeys(bytes32 licenseId) external view returns (ServingKey[] memory);

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
    /// `Rounds.wordOf`. Only the offer's owner, once. Rounds sealed before do not count.
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

/// @title Hosts' collateral, by license, undelivered fees, and the delayed payout of what was
/// slashed
interface CollateralVault {
    /// @param amount what the license has at stake, in its currency
    /// @param thawEnd time from which it can be withdrawn, 0 while not thawing
    struct Collateral {
        uint128 amount;
        uint40 thawEnd;
    }

    /// @notice What a conviction takes, and who gets it.
    /// @param bps of the collateral
    /// @param reporterBps, ownerBps of what is taken; the rest is burned
    /// @param committedAt when the reporter committed to a level-0 proof, 0 for a round
    struct Slash {
        uint16 bps;
        address reporter;
        uint16 reporterBps;
        uint16 ownerBps;
        uint40 payoutDelay;
        uint40 committedAt;
    }

    /// @param amount 0 once paid
    /// @param unlockAt time from which it can be paid
    struct Payout {
        address to;
        address currency;
        uint128 amount;
        uint40 unlockAt;
    }

    error CollateralVault_OnlyRegistry(address caller);
    error CollateralVault_OnlyEscrow(address caller);
    /// @notice Only the contracts that decide: `Proofs` and `Rounds`.
    error CollateralVault_OnlyJudges(address caller);
    error CollateralVault_OnlyRounds(address caller);
    error CollateralVault_OnlyHost(address host, address caller);
    error CollateralVault_NoAmount();
    error CollateralVault_NoSuchLicense(bytes32 licenseId);
    /// @notice Collateral is counted in 96 bits.
    error CollateralVault_TooLarge(uint128 amount);
    error CollateralVault_LicenseNotEnded(bytes32 licenseId);
    error CollateralVault_AlreadyThawing(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_NotThawed(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_NothingToWithdraw(bytes32 licenseId);
    error CollateralVault_BadBps(uint16 bps);
    error CollateralVault_NoReporter();
    error CollateralVault_UnknownPayout(uint256 payoutId);
    error CollateralVault_OnlyPayee(address payee, address caller);
    /// @notice Money sent there would be nobody's.
    error CollateralVault_BadRecipient(address to);
    error CollateralVault_PayoutLocked(uint256 payoutId, uint40 unlockAt);
    /// @notice The payout is none of a level-0 reporter of this license that committed later.
    error CollateralVault_NotRedirectable(uint256 payoutId);

    event CollateralDeposited(
        bytes32 indexed licenseId, address indexed from, address currency, uint128 amount
    );
    event FeeHeld(bytes32 indexed licenseId, address currency, uint128 amount);
    event FeeRefunded(bytes32 indexed licenseId, address indexed host, uint128 amount);
    event ThawStarted(bytes32 indexed licenseId, uint40 thawEnd);
    event CollateralWithdrawn(
        bytes32 indexed licenseId, address indexed to, address currency, uint128 amount
    );
    event CollateralSlashed(
        bytes32 indexed licenseId,
        uint128 amount,
        uint128 toReporter,
        uint128 toOwner,
        uint128 burned
    );
    event PayoutQueued(
        uint256 indexed payoutId,
        address indexed to,
        address currency,
        uint128 amount,
        uint40 unlockAt
    );
    event PayoutRedirected(uint256 indexed payoutId, address indexed from, address indexed to);
    event PayoutPaid(
        uint256 indexed payoutId, address indexed to, address currency, uint128 amount
    );

    /// @notice Takes collateral and fee of a new license in one transfer. The fee stays here until
    /// the copy is delivered. Only `LicenseRegistry`, which calls once per license.
    function depositFor(
        bytes32 licenseId,
        address from,
        address currency,
        uint128 collateral,
        uint128 fee
    ) external payable;

    /// @notice Adds collateral. Anyone.
    function topUp(LicenseRef calldata ref, uint128 amount) external payable;

    /// @notice Starts the way out of an ended license. Only the host.
    function startThaw(LicenseRef calldata ref) external;

    /// @notice Pays the rest out after the thaw. Only the host.
    function withdraw(LicenseRef calldata ref) external;

    /// @notice Returns collateral and fee to the host of a cancelled license. Only
    /// `LicenseRegistry`, which calls once per license.
    function refund(
        bytes32 licenseId,
        address host,
        address currency,
        uint128 collateral,
        uint128 fee
    ) external;

    /// @notice Returns the held half of the fee to the host of a rejected copy. Only
    /// `LicenseRegistry`, which calls at most once per license.
    function returnFee(bytes32 licenseId, address host, address currency, uint128 fee) external;

    /// @notice Hands a part of the fee of a delivered license to the escrow. Only `PaymentEscrow`,
    /// when the registry asks it to.
    function payFee(address currency, uint128 fee) external;

    /// @notice Takes a part of the collateral; queues reporter's and owner's parts, burns the rest.
    /// Only `Proofs` and `Rounds`. @dev If the currency refuses the burn, that part is queued as a
    /// payout to `BURN`: a slash never depends on it.
    function slash(LicenseRef calldata ref, Slash calldata how)
        external
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner);

    /// @notice Gives a level-0 reporter's part that is not paid yet to `to`, if that reporter
    /// committed later than `before`: who is about to be convicted gains nothing by accusing
    /// itself. Only `Rounds`.
    function redirect(uint256 payoutId, bytes32 licenseId, uint40 before, address to) external;

    /// @notice Pays an unlocked payout to its payee. Anyone may call.
    function payOut(uint256 payoutId) external;

    /// @notice Pays an unlocked payout elsewhere, where its payee can't take the currency. Only the
    /// payee.
    function payOutTo(uint256 payoutId, address to) external;

    /// @notice Collateral of a license; nothing for one that was never acquired.
    function collateral(LicenseRef calldata ref) external view returns (Collateral memory);

    /// @notice What is left of the collateral of an acquired license, one storage read.
    /// @param bought its terms' `collateral`; the caller vouches for it and for the license's
    /// existence
    function collateralLeft(bytes32 licenseId, uint128 bought) external view returns (uint128);
    function payout(uint256 payoutId) external view returns (Payout memory);
    function payoutCount() external view returns (uint256);
}

/// @title Payers' channels, batched claims of vouchers, atomic split, pulled balances
interface PaymentEscrow {
    /// @notice A closed channel takes no deposit and never opens again, or its old vouchers would
    /// be good once more. What is left in it is still claimed, reserved and thawed.
    enum ChannelStatus {
        None,
        Open,
        Closed
    }

    /// @notice One slot. Amounts are counted in 96 bits.
    /// @param deposited all that was ever deposited, less what the payer took back; while the
    /// channel is open it only grows
    /// @param claimed cumulative amount claimed by vouchers
    /// @param thawEnd time from which the payer can withdraw, 0 while not thawing
    /// @param status `None` for an unknown channel
    struct Channel {
        uint96 deposited;
        uint96 claimed;
        uint40 thawEnd;
        ChannelStatus status;
    }

    /// @notice One voucher in a claim. The channel follows from (license, payer, signer, salt).
    struct ClaimRow {
        address payer;
        address signer;
        bytes32 salt;
        uint128 cumulativeAmount;
        uint64 cumulativeRequests;
        uint64 cumulativeTokens;
        bytes32 requestHash;
        bytes signature;
    }

    enum ClaimError {
        None,
        UnknownChannel,
        NotIncreasing,
        BelowPrice,
        ExceedsDeposit,
        BadSignature,
        ExceedsCollateralRatio
    }

    error PaymentEscrow_OnlyRegistry(address caller);
    error PaymentEscrow_OnlyVault(address caller);
    error PaymentEscrow_NoAmount();
    error PaymentEscrow_LicenseNotActive(bytes32 licenseId);
    error PaymentEscrow_ChannelExists(bytes32 channelId);
    error PaymentEscrow_UnknownChannel(bytes32 channelId);
    /// @notice The payer has left or the host has closed it; another salt makes another channel.
    error PaymentEscrow_ChannelClosed(bytes32 channelId);
    error PaymentEscrow_AlreadyThawing(bytes32 channelId, uint40 thawEnd);
    error PaymentEscrow_NotThawed(bytes32 channelId, uint40 thawEnd);
    /// @notice Money sent there would be nobody's.
    error PaymentEscrow_BadRecipient(address to);
    error PaymentEscrow_NoBalance(address currency, address account);
    /// @notice A channel's amounts are counted in 96 bits.
    error PaymentEscrow_TooLarge(uint256 amount);
    /// @notice The voucher would not be claimed for this reason.
    error PaymentEscrow_Rejected(bytes32 channelId, ClaimError reason);
    /// @notice The channel has a reservation or a claim of at least this amount.
    error PaymentEscrow_NotIncreasing(bytes32 channelId, uint128 secured);
    /// @notice Neither the host itself nor signed by it.
    error PaymentEscrow_NotByHost(address host, address caller);
    /// @notice So much was never in the channel.
    error PaymentEscrow_WrongDeposit(bytes32 channelId, uint128 named, uint128 deposited);
    /// @notice Nothing would go back to the payer.
    error PaymentEscrow_NothingToClose(bytes32 channelId);

    event ChannelOpened(
        bytes32 indexed channelId,
        bytes32 indexed licenseId,
        address indexed payer,
        address signer,
        bytes32 salt,
        address currency,
        uint40 thawPeriod
    );
    event ChannelDeposited(bytes32 indexed channelId, uint128 amount, uint128 deposited);
    event ChannelThawing(bytes32 indexed channelId, uint40 thawEnd);
    /// @notice The payer has left: the channel is closed.
    event ChannelWithdrawn(bytes32 indexed channelId, address indexed payer, uint128 amount);
    /// @param amount what this claim adds
    event VoucherClaimed(bytes32 indexed channelId, uint128 amount, uint128 cumulativeAmount);
    event VoucherReserved(bytes32 indexed channelId, uint128 cumulativeAmount);
    /// @param finalAmount what the host keeps of the deposit that it has named
    event ChannelClosed(bytes32 indexed channelId, uint128 finalAmount, uint128 toPayer);
    event VoucherRejected(bytes32 indexed channelId, ClaimError reason);
    event ClaimSplit(
        bytes32 indexed licenseId, uint128 total, uint128 toHost, uint128 toOwner, uint128 toParents
    );
    event FeeReleased(bytes32 indexed licenseId, uint128 toOwner, uint128 toParents);
    event BalanceWithdrawn(
        address indexed currency, address indexed account, address indexed to, uint256 amount
    );

    /// @notice Opens a channel of the caller to an active license and deposits. `signer` 0 means
    /// the payer itself.
    function openChannel(LicenseRef calldata ref, address signer, bytes32 salt, uint128 amount)
        external
        payable
        returns (bytes32 channelId);

    /// @notice Adds to a channel. Anyone. A running thaw goes on and will release the addition too.
    function deposit(
        LicenseRef calldata ref,
        address payer,
        address signer,
        bytes32 salt,
        uint128 amount
    ) external payable;

    /// @notice The payer starts to leave; the host has the thaw period to claim. Only the payer.
    function startThaw(LicenseRef calldata ref, address signer, bytes32 salt) external;

    /// @notice Pays the rest that is neither claimed nor reserved back after the thaw, and closes
    /// the channel. Only the payer.
    function withdraw(LicenseRef calldata ref, address signer, bytes32 salt) external;

    /// @notice Claims vouchers of one license. A bad row is skipped with `VoucherRejected`, never a
    /// revert. Anyone.
    /// @dev A row is taken whole or not at all, so that nobody can burn a voucher for a part of its
    /// worth. What is claimed within a settlement period stays covered by the collateral as
    /// `minCollateralRatioBps` says, see `claimable`. What is reserved needs no signature any more:
    /// it is taken whole, or exactly as far as there is room. Over the claims of a license the
    /// owner's share is rounded down once, the parents' parts once in each claim, to the owner's
    /// gain.
    /// @return total newly claimed, already split into balances
    function claim(LicenseRef calldata ref, ClaimRow[] calldata rows)
        external
        returns (uint128 total);

    /// @notice Reserves a voucher's amount: no withdrawal takes it any more, and it counts as
    /// declared by the host. For a host whose collateral does not cover a claim now, or that claims
    /// later. Anyone.
    function reserve(LicenseRef calldata ref, ClaimRow calldata row) external;

    /// @notice Closes a channel without a thaw: the host, by call or by signature over
    /// `closeDigest`, claims nothing between `finalAmount` and `deposited`, and what of that is
    /// neither claimed nor reserved goes to the payer at once. Anyone may bring the host's
    /// signature.
    /// @param deposited the deposit that the host has seen: a signature never releases what was
    /// added later, which is left to a thaw like the rest
    function close(
        LicenseRef calldata ref,
        address payer,
        address signer,
        bytes32 salt,
        uint128 deposited,
        uint128 finalAmount,
        bytes calldata hostSignature
    ) external;

    /// @notice Pulls the caller's balance.
    function withdrawBalance(address currency, address to) external returns (uint256 amount);

    /// @notice Fetches a part of the fee of a delivered license from the vault and splits it. Only
    /// `LicenseRegistry`, which calls at most twice per license.
    function releaseFee(LicenseRef calldata ref, uint128 fee) external;

    /// @notice Takes a renewal's fee from the host and splits it. Only `LicenseRegistry`.
    function takeFee(LicenseRef calldata ref) external payable;

    function channel(bytes32 channelId) external view returns (Channel memory);

    /// @notice Cumulative amount that is reserved, 0 if nothing is.
    function reserved(bytes32 channelId) external view returns (uint128);

    /// @notice Cumulative amount that the host has declared on chain: claimed or reserved.
    function declared(bytes32 channelId) external view returns (uint128);

    /// @notice What a claim may take now of a license that is or was active: what its collateral
    /// covers by `minCollateralRatioBps`, less what was claimed in this settlement period and the
    /// one before. All there is (2^128 - 1) once the license has ended a settlement period ago.
    function claimable(LicenseRef calldata ref) external view returns (uint128);
    function channelIdOf(bytes32 licenseId, address payer, address signer, bytes32 salt)
        external
        view
        returns (bytes32);
    function balanceOf(address currency, address account) external view returns (uint256);
    function voucherDigest(
        bytes32 channelId,
        uint128 cumulativeAmount,
        uint64 cumulativeRequests,
        uint64 cumulativeTokens,
        bytes32 requestHash
    ) external view returns (bytes32);
    function closeDigest(bytes32 channelId, uint128 deposited, uint128 finalAmount)
        external
        view
        returns (bytes32);
}

/// @title Tickets of staked provers, of which rounds draw their seats
/// @notice A ticket is one unit of stake. It holds its place in one array from its warm-up until it
/// is given back or evicted; rounds draw places. Stake is weight against many accounts of one
/// person and no pledge: it always comes back whole (`committee.md` section 3).
interface ProverRegistry {
    /// @notice Fixed at deployment.
    /// @param stakeCurrency of tickets and seat fees
    /// @param ticketPrice stake of one ticket, less than 2^96
    /// @param warmUp seconds until a new ticket can be drawn
    /// @param alivePeriod seconds after a prover's last sign of life until its tickets are dead
    /// @param thawPeriod seconds until stake that left comes back, at least `roundLength`
    /// @param roundLength seconds from a round's seal to its last opening
    struct Config {
        address stakeCurrency;
        uint128 ticketPrice;
        uint40 warmUp;
        uint40 alivePeriod;
        uint40 thawPeriod;
        uint40 roundLength;
    }

    /// @param owner whose seat it is in rounds sealed at `validFrom` or later and before
    /// `validUntil`
    /// @param validUntil `type(uint40).max` as long as it is held
    struct Ticket {
        address owner;
        uint40 validFrom;
        uint40 validUntil;
    }

    /// @param encryptionKey X25519 key to which hand-outs are sealed, 0 of who never joined
    /// @param tickets held now
    /// @param aliveFrom in rounds sealed before its tickets are vacant: who was dead does not get
    /// back the seats that it had missed
    /// @param aliveUntil in rounds sealed later its tickets are vacant
    /// @param thawing stake on its way out
    /// @param thawEnd from when all of it can be withdrawn
    struct Prover {
        bytes32 encryptionKey;
        uint32 tickets;
        uint40 aliveFrom;
        uint40 aliveUntil;
        uint40 thawEnd;
        uint128 thawing;
    }

    error ProverRegistry_BadConfig(bytes32 name, uint256 value);
    error ProverRegistry_NoEncryptionKey();
    /// @notice The inbox is empty or longer than 256 bytes.
    error ProverRegistry_BadInbox(uint256 length);
    error ProverRegistry_NoTickets();
    /// @notice One call may bring, give back or evict so many.
    error ProverRegistry_TooManyTickets(uint256 given, uint256 max);
    error ProverRegistry_NotRegistered(address account);
    /// @notice Nobody, or another account, holds this ticket.
    error ProverRegistry_NotHeld(uint32 ticket, address account);
    /// @notice The prover has shown life; its tickets can't be evicted.
    error ProverRegistry_Alive(address account, uint40 aliveUntil);
    error ProverRegistry_NotThawed(address account, uint40 thawEnd);
    error ProverRegistry_NothingToWithdraw(address account);
    error ProverRegistry_NoRecipient();

    /// @notice Where and how a prover is reached. The inbox is a URL that takes sealed hand-outs.
    event ProverAnnounced(address indexed prover, bytes32 encryptionKey, string inbox);
    event TicketTaken(uint32 indexed ticket, address indexed prover, uint40 validFrom);
    event TicketReleased(uint32 indexed ticket, address indexed prover, bool evicted);
    /// @notice The ticket went from the end of the array to a dead place.
    event TicketMoved(uint32 indexed from, uint32 indexed to, address indexed prover);
    event TicketsShrunk(uint32 total);
    event ProverAlive(address indexed prover, uint40 aliveUntil);
    event ThawStarted(address indexed prover, uint128 thawing, uint40 thawEnd);
    event StakeWithdrawn(address indexed prover, address to, uint128 amount);

    /// @notice Buys tickets, first or more; announces key and inbox; shows life. Native currency:
    /// `msg.value` = `count` · `ticketPrice`; ERC-20: an allowance of as much. Dead places are
    /// filled first, but for those that `compact` has put behind one that is not free yet.
    function join(uint32 count, bytes32 encryptionKey, string calldata inbox) external payable;

    /// @notice Announces another key or inbox, and shows life. Only who holds tickets.
    function announce(bytes32 encryptionKey, string calldata inbox) external;

    /// @notice Shows life for all tickets of the caller. After a gap it counts from the next second
    /// on; seats of rounds sealed before that are lost.
    function stayAlive() external;

    /// @notice Gives tickets back; their stake thaws, with all that is thawing already. Seats of
    /// rounds sealed before stay the caller's.
    function release(uint32[] calldata tickets) external;

    /// @notice The same for tickets of provers that have shown no life. Anyone.
    function evict(uint32[] calldata tickets) external;

    /// @notice Pays thawed stake to `to`.
    function withdraw(address to) external;

    /// @notice Does up to `steps` steps (at most 64) towards an array without dead places: moves
    /// the last ticket to one, or shortens the array at its end. Anyone. Pending rounds keep their
    /// seats. Does nothing if nothing can be done yet. Tickets may get other numbers
    /// (`TicketMoved`).
    function compact(uint32 steps) external;

    /// @notice Whose seat the ticket is in a round sealed at `time`: zero if it is vacant.
    function holderAt(uint32 ticket, uint40 time) external view returns (address);

    function config() external view returns (Config memory);
    function stakeCurrency() external view returns (address);
    /// @notice Places of the array; a round draws among those that there are when it is sealed.
    function totalTickets() external view returns (uint32);
    function ticket(uint32 index) external view returns (Ticket memory);
    function prover(address account) external view returns (Prover memory);
}

/// @title Level 0: proofs by the accused's own signature, so that nobody has to be believed
/// @notice A reporter first commits to its proof, so that nobody can copy it, and proves it after a
/// delay.
interface Proofs {
    /// @notice Fixed at deployment.
    /// @param reportDelay seconds from a commitment to its proof
    /// @param payoutDelay seconds until what was slashed is paid
    struct Config {
        uint40 reportDelay;
        uint40 payoutDelay;
    }

    /// @notice Which answers of a host shall be compared with which copy. All of it is in the
    /// report's commitment, so none of it can be chosen by what the host answers.
    /// @param copy another host's license of another model
    /// @param channelId the host counts its receipts by channel
    /// @param firstRequest `cumulativeRequests` of the first receipt; each answer has the next one
    /// @param bundles of the personal part of the copy's universe, in the order in which they are
    /// asked
    struct Series {
        LicenseRef copy;
        bytes32 channelId;
        uint64 firstRequest;
        uint32[] bundles;
    }

    /// @notice An answer, with the parts of its receipt that do not follow from the series.
    /// @param r, vs signature by the serving key (EIP-2098); both 0 if the host did not answer,
    /// which is a miss
    /// @param tag of the answer's first word
    /// @param textHash `keccak256` of the answer
    struct ServedAnswer {
        uint32 keyEpoch;
        uint64 seq;
        uint64 cumulativeTokens;
        uint64 servedAt;
        bytes4 tag;
        bytes32 textHash;
        bytes32 r;
        bytes32 vs;
    }

    error Proofs_BadConfig(bytes32 name, uint256 value);
    /// @notice The commitment was made before by this reporter.
    error Proofs_AlreadyCommitted(bytes32 commitment);
    /// @notice The caller has not committed to this report, or it was used.
    error Proofs_NotCommitted(bytes32 commitment);
    /// @notice The report's delay is not over.
    error Proofs_TooEarly(uint40 from);
    /// @notice The license's terms do not accept this level of evidence.
    error Proofs_LevelNotAccepted(uint8 level);
    /// @notice The license was never active.
    error Proofs_LicenseNotLiable(bytes32 licenseId, LicenseStatus status);
    /// @notice The receipt is not one of this license.
    error Proofs_WrongLicense(bytes32 expected, bytes32 given);
    /// @notice The receipt is not signed by the license's serving key.
    error Proofs_BadReceiptSignature(address signer, address servingKey);
    /// @notice The two receipts do not contradict each other.
    error Proofs_NoEquivocation();
    /// @notice The receipt's units are settled, or the settlement period is not over.
    error Proofs_NoUnderMetering(uint256 settleBy, uint256 owed, uint128 declared);
    /// @notice The key of this epoch was revoked; proofs by it were admissible until then.
    error Proofs_KeyRevoked(uint32 keyEpoch, uint256 admissibleUntil);
    /// @notice The receipt was served within the term.
    error Proofs_WithinTerm(uint64 servedAt, uint40 end);
    /// @notice The terms do not punish this violation.
    error Proofs_NotAgreed(Violation violation);
    /// @notice The copy is of the license's own model or of its own host, or was never delivered.
    error Proofs_NotForeign(bytes32 copyId);
    /// @notice The copy's answers were drawn before the host had its own copy, so that its
    /// licensor could have put them there.
    error Proofs_DrawnBefore(uint48 seedRound, uint48 activationRound);
    /// @notice The host signed this answer before the one that stands before it.
    error Proofs_NotInOrder(uint256 answer);
    /// @notice The answer was served before the report's delay was over: it could have chosen the
    /// report.
    error Proofs_ServedTooEarly(uint64 servedAt, uint256 from);
    /// @notice The answers do not convict.
    error Proofs_NotEnough(int64 evidence, int64 threshold);
    /// @notice This violation was punished before.
    error Proofs_AlreadyPunished(bytes32 punishmentId);
    /// @notice An answer without a signature has no tag.
    error Proofs_NotSigned(uint256 answer);
    error Proofs_WrongLength(bytes32 name, uint256 given, uint256 expected);

    event ReportCommitted(bytes32 indexed commitment, address indexed reporter);
    event ProofAccepted(
        Violation indexed violation,
        bytes32 indexed licenseId,
        address indexed reporter,
        uint128 slashed,
        uint128 toReporter,
        uint128 toOwner
    );
    /// @notice What convinced the contract that a host served another license's copy;
    /// `ProofAccepted` follows.
    event CopyShown(
        bytes32 indexed licenseId,
        bytes32 indexed copyId,
        uint16 hits,
        uint16 queries,
        int64 evidenceLog2,
        int64 thresholdLog2
    );

    /// @notice First half of every report: binds it to the caller, so that nobody can copy it.
    function commitReport(bytes32 commitment) external;

    /// @notice Two receipts with the same (license, keyEpoch, channel, seq) and different content.
    /// Numbers are of their epoch: there is no equivocation across epochs.
    function proveEquivocation(
        LicenseRef calldata ref,
        Receipt calldata a,
        bytes calldata signatureA,
        Receipt calldata b,
        bytes calldata signatureB,
        bytes32 salt
    ) external;

    /// @notice A receipt whose units cost more than was claimed when the settlement period is over.
    /// Of any epoch: units are cumulative on the channel. The period begins when the receipt was
    /// served, and at the latest when its key ended.
    function proveUnderMetering(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external;

    /// @notice A receipt served after the license's term, or signed with a key that was named after
    /// it.
    function proveOutOfTerm(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external;

    /// @notice Receipts of a host that answer like another host's copy of a model that it has no
    /// license of (decision 015). `answers` has one for each leaf of `opened`, in their order.
    function proveUnlicensedModel(
        LicenseRef calldata ref,
        Series calldata series,
        OpenedBundle[] calldata opened,
        ServedAnswer[] calldata answers,
        bytes32 salt
    ) external;

    function config() external view returns (Config memory);
    function reportCommittedAt(address reporter, bytes32 commitment) external view returns (uint40);
    /// @notice EIP-712 digest that a serving key signs for a receipt.
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);
}

/// @title Level 2: sealed rounds of sampled testers, and the ledger of each license
/// @notice Sealed → (beacon) answers → opened or lapsed. Nothing on chain names the license before
/// the opening. `docs/decisions/024-sealed-rounds.md` has the mechanism, 023 the theorem.
interface Rounds {
    /// @notice Fixed at deployment.
    /// @param answerWindow seconds after the seal in which seats answer
    /// @param openWindow seconds after that in which the owner opens
    /// @param payoutDelay seconds until what was slashed is paid
    /// @param seatFee per seat, in the provers' stake currency
    struct Config {
        uint40 answerWindow;
        uint40 openWindow;
        uint40 payoutDelay;
        uint128 seatFee;
    }

    enum RoundStatus {
        None,
        Sealed,
        Opened,
        Convicted,
        /// Not opened in time, and a seat has asked for its fee.
        Lapsed
    }

    /// @param sealedAt time of the seal
    /// @param beaconRound whose value draws seats and leaves
    /// @param tickets among which seats are drawn
    /// @param seats N
    /// @param promiseBps part of the owner's share of a slash that goes to the payer
    /// @param paid bit i: the fee of seat i was credited
    /// @param payer who paid the fees; the reporter of a slash
    /// @param deployment `deploymentCommitment` of what is tested
    struct Round {
        uint40 sealedAt;
        uint48 beaconRound;
        uint32 tickets;
        uint8 seats;
        RoundStatus status;
        uint16 promiseBps;
        uint32 paid;
        address payer;
        bytes32 deployment;
    }

    /// @notice Evidence against a license, in one slot.
    /// @param logA log2 of the evidence, 32 fractional bits
    /// @param charged indices whose premium was taken: one more than the largest opened
    /// @param opened bit k: index k was opened
    struct Ledger {
        int64 logA;
        uint8 charged;
        uint64 opened;
    }

    /// @notice What a seat sent.
    /// @param keysHash `keccak256` of the eight key hashes, one after the other
    /// @param tags eight tags of 4 bytes; 0 for no answer, a refusal, a demand for money
    struct Sheet {
        uint8 seat;
        address prover;
        bytes32 keysHash;
        bytes32 tags;
    }

    /// @notice What the owner brings to open a round.
    /// @param index of the word, 0 … 63 for a registered deployment, 64 … 127 for any other
    /// @param account that sealed
    /// @param wordSalt of the word
    /// @param wordProof seven siblings up to the license's `casesRoot`, bottom up
    /// @param deploymentHash `keccak256` of the deployment's URI
    /// @param accessHash what the hand-out says of how to get in, 0 for nothing
    /// @param deploymentSalt of the commitment
    /// @param bundles in the order of the draw; one without leaves stays closed
    /// @param sheets all that were sent, in the order in which they came
    struct Opening {
        LicenseRef license;
        uint8 index;
        address account;
        bytes32 wordSalt;
        bytes32[] wordProof;
        bytes32 deploymentHash;
        bytes32 accessHash;
        bytes32 deploymentSalt;
        OpenedBundle[] bundles;
        Sheet[] sheets;
    }

    error Rounds_BadConfig(bytes32 name, uint256 value);
    /// @notice Rounds have 4, 8, 16, 24 or 32 seats.
    error Rounds_BadSize(uint8 seats);
    error Rounds_BadPromise(uint16 bps);
    error Rounds_NoTickets();
    /// @notice This account sealed with this word before.
    error Rounds_AlreadySealed(bytes32 roundId);
    error Rounds_UnknownRound(bytes32 roundId);
    /// @notice The seal is not signed by the account.
    error Rounds_BadSeal(address signer, address account);
    error Rounds_NoSuchSeat(uint8 seat, uint8 seats);
    /// @notice The round's draw is not out, or nobody brought it.
    error Rounds_NotDrawn(bytes32 roundId, uint48 beaconRound);
    /// @notice The beacon can't give the value any more: the round lapses.
    error Rounds_DrawLost(bytes32 roundId, uint48 beaconRound);
    error Rounds_TooEarly(uint256 from);
    error Rounds_TooLate(uint256 until);
    /// @notice The seat is another's, or vacant (`holder` zero).
    error Rounds_NotYourSeat(uint8 seat, address holder, address caller);
    error Rounds_AlreadyAnswered(bytes32 roundId, uint8 seat);
    error Rounds_WrongStatus(bytes32 roundId, RoundStatus status);
    error Rounds_OnlyOwner(address owner, address caller);
    error Rounds_LevelNotAccepted(uint8 level);
    /// @notice The word is not under the license's `casesRoot`, or that was committed too late.
    error Rounds_WrongWord(bytes32 word);
    error Rounds_AlreadyOpened(bytes32 licenseId, uint8 index);
    error Rounds_WrongSize(uint8 seats, uint8 agreed);
    /// @notice What is named is not what was committed to when the round was sealed.
    error Rounds_WrongDeployment(bytes32 given, bytes32 sealed_);
    /// @notice The index is of the other kind: registered deployments have 0 … 63.
    error Rounds_WrongKind(uint8 index, bool registered);
    error Rounds_DeploymentNotLiable(bytes32 deploymentHash, uint40 liableUntil);
    error Rounds_LicenseNotLiable(bytes32 licenseId);
    error Rounds_WrongLength(bytes32 name, uint256 given, uint256 expected);
    /// @notice These are not the sheets that were sent, in the order in which they came.
    error Rounds_WrongSheets(bytes32 roundId);
    error Rounds_NothingToWithdraw(address prover);
    error Rounds_NoRecipient();
    error Rounds_NothingToBurn();
    /// @notice The round convicted nobody, or another license.
    error Rounds_NotConvicted(bytes32 roundId, bytes32 licenseId);

    event RoundSealed(
        bytes32 indexed roundId,
        address indexed account,
        address indexed payer,
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        uint16 promiseBps,
        uint48 beaconRound,
        uint32 tickets,
        uint40 answerUntil,
        uint40 openUntil
    );
    event SheetSent(
        bytes32 indexed roundId,
        uint8 indexed seat,
        address indexed prover,
        bytes32 keysHash,
        bytes32 tags
    );
    /// @param hits of each seat, one byte by seat from the first on
    /// @param kept hits of the seats that were not struck
    /// @param gain what the round added before its premium; @param logA after the round
    event RoundOpened(
        bytes32 indexed roundId,
        bytes32 indexed licenseId,
        bytes32 indexed deploymentHash,
        uint8 index,
        bytes32 hits,
        uint16 kept,
        int64 gain,
        int64 logA,
        int64 threshold,
        bool convicted
    );
    event LicenseConvicted(
        bytes32 indexed roundId,
        bytes32 indexed licenseId,
        address indexed reporter,
        uint128 slashed,
        uint128 toReporter,
        uint128 toOwner
    );
    /// @notice A deployment that nobody registered serves this license's copy.
    event DeploymentFlagged(
        bytes32 indexed deploymentHash, bytes32 indexed licenseId, bytes32 indexed roundId
    );
    event LapsedFeesCollected(bytes32 indexed roundId, address indexed prover, uint256 amount);
    event FeesWithdrawn(address indexed prover, address to, uint256 amount);
    event FeesBurned(uint256 amount);

    /// @notice Seals a round of the caller's word and pays its fees: native as `msg.value`, ERC-20
    /// by allowance. The caller is account and reporter.
    function seal(bytes32 word, bytes32 deployment, uint8 seats)
        external
        payable
        returns (bytes32 roundId);

    /// @notice Seals a round of another account, which has signed `sealDigest`; the caller pays and
    /// is the reporter.
    function sealFor(
        address account,
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        uint16 promiseBps,
        bytes calldata signature
    ) external payable returns (bytes32 roundId);

    /// @notice What a seat found. Only who holds the seat, once, until the answers end.
    function answer(bytes32 roundId, uint8 seat, bytes32 keysHash, bytes32 tags) external;

    /// @notice Opens a round: counts, strikes, moves the ledger, convicts, credits the fees. Only
    /// the license's owner.
    function open(Opening calldata opening) external;

    /// @notice Credits the caller the fees of the seats that it answered in a round that nobody
    /// has opened in time. Anyone: without a seat of its own it lets the fees of seats that sent
    /// nothing be burned.
    /// @param sent all sheets, in the order in which they came
    function collectLapsed(bytes32 roundId, Sheet[] calldata sent) external;

    /// @notice Pays the caller's fees of all rounds to `to`.
    function withdrawFees(address to) external;

    /// @notice Burns the fees that no seat has earned. Anyone.
    function burnFees() external;

    /// @notice Gives the reporter's part of a level-0 proof that was committed after this round's
    /// seal, and is not paid out yet, to the payer of the round that convicted the license.
    function takeReport(LicenseRef calldata ref, bytes32 roundId, uint256 payoutId) external;

    function config() external view returns (Config memory);
    function round(bytes32 roundId) external view returns (Round memory);
    /// @notice Draws seats and leaves; reverts before it is out.
    function seedOf(bytes32 roundId) external view returns (bytes32);
    /// @notice Ticket of a seat, and who holds it (zero: vacant). Reverts before the draw.
    function seatOf(bytes32 roundId, uint8 seat)
        external
        view
        returns (uint32 ticket, address holder);
    /// @notice What the seats have sent: bit i of `answered` says that seat i has; `chain` is 0
    /// and after each sheet the first 28 bytes of `keccak256(abi.encode(chain, sheet))`.
    function sheets(bytes32 roundId) external view returns (uint32 answered, bytes28 chain);
    /// @notice What a prover can withdraw.
    function fees(address prover) external view returns (uint256);
    /// @notice What `burnFees` would burn.
    function unearnedFees() external view returns (uint256);
    /// @param leak the ledger of unregistered deployments
    function ledger(bytes32 licenseId, bool leak) external view returns (Ledger memory);
    /// @notice Round that found the deployment to serve a copy without being registered, or 0.
    function flagOf(bytes32 deploymentHash) external view returns (bytes32 roundId);
    /// @notice License that the round convicted, or 0; 0 too for a round that only flagged a
    /// deployment, see `flagOf`.
    function convictedBy(bytes32 roundId) external view returns (bytes32 licenseId);
    function roundIdOf(bytes32 word, address account) external pure returns (bytes32);
    /// @notice The word with which `account` can seal the round `index` of a license.
    function wordOf(bytes32 licenseId, uint8 index, address account, bytes32 salt)
        external
        pure
        returns (bytes32);
    function deploymentCommitment(bytes32 deploymentHash, bytes32 accessHash, bytes32 salt)
        external
        pure
        returns (bytes32);
    /// @notice EIP-712 digest of `Seal(bytes32 word,bytes32 deployment,uint8 seats,address payer,
    /// uint16 promiseBps)`.
    function sealDigest(
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        address payer,
        uint16 promiseBps
    ) external view returns (bytes32);
}
