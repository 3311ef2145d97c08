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

/// @notice Multipliers of the e-value, unsigned fixed point with 32 fractional bits, and the error
/// rate.
/// @param personalHit multiplier of a hit of the personal part, p0 = 1/16
/// @param personalMiss multiplier of a miss of the personal part
/// @param sharedHit multiplier of an observed shared hit inside the license's assignment, p0 =
/// assignmentP/65536
/// @param sharedMiss multiplier of an observed shared hit outside of it
/// @param assignmentP probability, in 1/65536, that a license carries a given shared fingerprint
/// @param alphaInverse 1/alpha, a whole number
struct EvidenceTerms {
    uint64 personalHit;
    uint64 personalMiss;
    uint64 sharedHit;
    uint64 sharedMiss;
    uint16 assignmentP;
    uint64 alphaInverse;
}

/// @notice What a violation costs, in basis points of the collateral, and who gets it.
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
    uint40 settlementPeriod;
    uint40 thawPeriod;
    uint16 maxDeployments;
    uint8 evidenceLevels;
    bool leakLiability;
    uint128 reportBond;
    uint128 proverFee;
    EvidenceTerms evidence;
    SlashTerms slash;
    Royalty[] royalties;
}

/// @notice Names a license and proves its terms: `licenseId = keccak(offerId(terms), host, nonce)`.
struct LicenseRef {
    Terms terms;
    address host;
    uint96 nonce;
}

/// @notice Names a case and proves what was fixed when it was opened: `caseId` is the hash of all
/// of it, so none of it needs storage. `CaseOpened` announces every field.
/// @param license the accused license
/// @param deploymentHash hash of the accused deployment's URI
/// @param reporter whose bond it is
/// @param openedAt time of opening; provers that joined later are not drawn
/// @param cases number of the universe's cases so far, this one included; raises the threshold
/// @param licenses licenses that a false accuser could have chosen from when it was opened
/// @param leak whether the deployment was not registered, so that the verdict is a flag unless the
/// terms say more
struct CaseRef {
    LicenseRef license;
    bytes32 deploymentHash;
    address reporter;
    uint40 openedAt;
    uint32 cases;
    uint32 licenses;
    bool leak;
}

/// @notice What a case's seed drew, as `CaseDrawn` announces it. Personal bundles come before
/// shared ones.
struct Drawn {
    uint32[] bundles;
    address[] committee;
}

enum LicenseStatus {
    None,
    Acquired,
    Seeded,
    Active,
    Terminated,
    Cancelled
}

/// @notice Violations. The first four are level-0 proofs; `UnpaidUse` is what a level-2 case
/// decides.
enum Violation {
    Equivocation,
    UnderMetering,
    OutOfTerm,
    UnlicensedModel,
    UnpaidUse
}

enum CaseStatus {
    None,
    Opened,
    Drawn,
    Committing,
    Revealing,
    Opening,
    Rebuttal,
    Upheld,
    Dismissed,
    Void
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
    /// @param cases cases ever counted
    /// @param burnedBundles burned bundles of the personal part
    /// @param burnedShared burned bundles of the shared part
    struct Universe {
        bytes32 root;
        bytes32 seed;
        uint32 personalCount;
        uint32 sharedCount;
        uint48 seedRound;
        uint32 licenses;
        uint32 cases;
        uint32 burnedBundles;
        uint32 burnedShared;
    }

    /// @param status life cycle
    /// @param deadline end of delivery while `Acquired` or `Seeded`, else end of the term
    /// @param seedRound beacon round of `seed`
    /// @param seed draws the license's answers, 0 until drawn
    /// @param artefactHash hash of the copy that the host accepted, 0 until activated
    struct License {
        LicenseStatus status;
        uint40 deadline;
        uint48 seedRound;
        bytes32 seed;
        bytes32 artefactHash;
    }

    error LicenseRegistry_OnlyChallengeManager(address caller);
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
    error LicenseRegistry_NoArtefactHash();
    error LicenseRegistry_WrongStatus(bytes32 licenseId, LicenseStatus status);
    error LicenseRegistry_DeliveryNotOver(bytes32 licenseId, uint40 deadline);
    error LicenseRegistry_NotActive(bytes32 licenseId);
    /// @notice The renewed term would end too far ahead.
    error LicenseRegistry_TermTooLong(uint40 expiry, uint40 max);
    error LicenseRegistry_BadUri(uint256 length);
    error LicenseRegistry_DeploymentExists(bytes32 licenseId, bytes32 deploymentHash);
    error LicenseRegistry_UnknownDeployment(bytes32 licenseId, bytes32 deploymentHash);
    error LicenseRegistry_TooManyDeployments(bytes32 licenseId, uint16 max);
    error LicenseRegistry_BundlesExhausted(uint256 left, uint256 wanted);
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
        uint48 seedRound,
        uint40 deliveryDeadline
    );
    event LicenseSeeded(bytes32 indexed licenseId, bytes32 seed);
    event SeedRoundMoved(bytes32 indexed subject, uint48 seedRound);
    event LicenseActivated(bytes32 indexed licenseId, bytes32 artefactHash, uint40 expiry);
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
    function acquire(Terms calldata terms, uint96 nonce, address servingKey)
        external
        payable
        returns (bytes32 licenseId);

    /// @notice Draws the license's seed. Anyone. Re-commits a stale round.
    function drawLicenseSeed(bytes32 licenseId) external;

    /// @notice The host accepts its delivered copy; the term starts, the fee is split. Only the
    /// host.
    function activate(LicenseRef calldata ref, bytes32 artefactHash) external;

    /// @notice Pays the fee once more and adds `terms.duration` to a running term, as long as the
    /// offer is open. Native currency: `msg.value` = fee. ERC-20: allowance to the escrow. Only the
    /// host.
    function renew(LicenseRef calldata ref) external payable;

    /// @notice Refunds fee and collateral of a license that was not activated until the delivery
    /// deadline. Only the host.
    function cancel(LicenseRef calldata ref) external;

    /// @notice The host ends its license early. Only the host.
    function terminate(LicenseRef calldata ref) external;

    /// @notice Ends a license whose host was found guilty; nothing happens if it has ended. Only
    /// `ChallengeManager`.
    function terminateFor(bytes32 licenseId) external;

    /// @notice Declares a running service under the license. Only the host, at most
    /// `terms.maxDeployments` at a time.
    function registerDeployment(LicenseRef calldata ref, string calldata uri) external;

    /// @notice Withdraws the declaration; a case can still be opened for `terms.thawPeriod`. Only
    /// the host.
    function retireDeployment(LicenseRef calldata ref, string calldata uri) external;

    /// @notice Counts a case against the universe (raises every later threshold), and tells in the
    /// same call what else opening one depends on. Only `ChallengeManager`.
    /// @return status of the license
    /// @return liableUntil as `deploymentLiableUntil` has it
    /// @return cases counted so far
    /// @return licenses ever activated
    /// @return personalLeft unburned personal bundles
    function countCase(bytes32 modelId, uint32 epoch, bytes32 licenseId, bytes32 deploymentHash)
        external
        returns (
            LicenseStatus status,
            uint40 liableUntil,
            uint32 cases,
            uint32 licenses,
            uint32 personalLeft
        );

    /// @notice Picks unburned bundles by `seed` and burns them: `personal` of the personal part,
    /// then as many of the shared part as are left, `sharedAtMost` at most. Only
    /// `ChallengeManager`.
    function burnBundles(
        bytes32 modelId,
        uint32 epoch,
        bytes32 seed,
        uint8 personal,
        uint8 sharedAtMost
    ) external returns (uint32[] memory bundles);

    /// @notice Burns personal bundles whose leaves a proof has opened; refuses what is burned. Only
    /// `ChallengeManager`.
    function burnOpened(bytes32 modelId, uint32 epoch, uint32[] calldata bundles) external;

    function modelOwner(bytes32 modelId) external view returns (address);
    function epochs(bytes32 modelId) external view returns (uint32);
    function universe(bytes32 modelId, uint32 epoch) external view returns (Universe memory);
    function isBurned(bytes32 modelId, uint32 epoch, uint32 bundle) external view returns (bool);
    /// @notice Beacon round of whose value nobody knew when the host accepted its artefact; 0
    /// unless the license is activated and its terms punish `UnlicensedModel`.
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

    /// @notice What the opening of leaves needs to know: the universe, and the seeds of both parts.
    function drawsOf(bytes32 modelId, uint32 epoch, bytes32 licenseId)
        external
        view
        returns (
            bytes32 root,
            uint32 personalCount,
            uint32 sharedCount,
            bytes32 modelSeed,
            bytes32 licenseSeed
        );

    /// @notice Whether the license may serve at `time` (active, not past its expiry).
    function isActive(bytes32 licenseId, uint40 time) external view returns (bool);

    /// @notice Time until which a case may name this deployment: max if registered, retirement +
    /// thaw after, 0 if never.
    function deploymentLiableUntil(bytes32 licenseId, bytes32 deploymentHash)
        external
        view
        returns (uint40);
}

/// @title Hosts' collateral, by license, undelivered fees, and the delayed payout of what was
/// slashed
interface CollateralVault {
    /// @param amount what the license has at stake, in its currency
    /// @param freezes open cases and proofs that hold it
    /// @param thawEnd time from which it can be withdrawn, 0 while not thawing
    struct Collateral {
        uint128 amount;
        uint16 freezes;
        uint40 thawEnd;
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
    error CollateralVault_OnlyChallengeManager(address caller);
    error CollateralVault_OnlyHost(address host, address caller);
    error CollateralVault_NoAmount();
    error CollateralVault_NoSuchLicense(bytes32 licenseId);
    /// @notice Collateral is counted in 96 bits.
    error CollateralVault_TooLarge(uint128 amount);
    /// @notice The license's collateral is gone.
    error CollateralVault_NothingToFreeze(bytes32 licenseId);
    error CollateralVault_NotFrozen(bytes32 licenseId);
    error CollateralVault_LicenseNotEnded(bytes32 licenseId);
    error CollateralVault_AlreadyThawing(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_NotThawed(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_Frozen(bytes32 licenseId, uint16 freezes);
    error CollateralVault_NothingToWithdraw(bytes32 licenseId);
    error CollateralVault_BadBps(uint16 bps);
    error CollateralVault_NoReporter();
    error CollateralVault_UnknownPayout(uint256 payoutId);
    error CollateralVault_OnlyPayee(address payee, address caller);
    /// @notice Money sent there would be nobody's.
    error CollateralVault_BadRecipient(address to);
    error CollateralVault_PayoutLocked(uint256 payoutId, uint40 unlockAt);

    event CollateralDeposited(
        bytes32 indexed licenseId, address indexed from, address currency, uint128 amount
    );
    event FeeHeld(bytes32 indexed licenseId, address currency, uint128 amount);
    event FeeRefunded(bytes32 indexed licenseId, address indexed host, uint128 amount);
    event CollateralFrozen(bytes32 indexed licenseId, uint16 freezes);
    event CollateralUnfrozen(bytes32 indexed licenseId, uint16 freezes);
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

    /// @notice A case holds the collateral, of which there must be some. Only `ChallengeManager`.
    /// @param bought the terms' `collateral`
    function freeze(bytes32 licenseId, uint128 bought) external;

    /// @notice The case has ended. Only `ChallengeManager`.
    function unfreeze(bytes32 licenseId) external;

    /// @notice Starts the way out of an ended license. Only the host.
    function startThaw(LicenseRef calldata ref) external;

    /// @notice Pays the rest out after the thaw, unless frozen. Only the host.
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

    /// @notice Hands the fee of a delivered license to the escrow. Only `PaymentEscrow`, when the
    /// registry asks it to, once per license.
    function payFee(address currency, uint128 fee) external;

    /// @notice Takes `bps` of the collateral; queues reporter's and owner's parts, burns the rest.
    /// Only `ChallengeManager`. @dev If the currency refuses the burn, that part is queued as a
    /// payout to `BURN`: a slash never depends on it.
    function slash(LicenseRef calldata ref, uint16 bps, address reporter, uint40 payoutDelay)
        external
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner);

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

    /// @notice Fetches the fee of a delivered license from the vault and splits it. Only
    /// `LicenseRegistry`, which calls once per license.
    function releaseFee(LicenseRef calldata ref) external;

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

/// @title Staked provers and the draw of committees
interface ProverRegistry {
    struct Prover {
        uint128 stake;
        uint40 activeFrom;
        uint40 thawEnd;
        uint16 openCases;
        bytes32 encryptionKey;
    }

    event ProverRegistered(
        address indexed prover, uint128 stake, bytes32 encryptionKey, uint40 activeFrom
    );
    event StakeAdded(address indexed prover, uint128 amount, uint128 stake);
    event ThawStarted(address indexed prover, uint40 thawEnd);
    event StakeWithdrawn(address indexed prover, uint128 amount);
    event ProverPenalised(address indexed prover, bytes32 indexed caseId, uint128 amount);

    /// @notice A prover with more stake took the place of this one in the full list; its thaw has
    /// started.
    event ProverReplaced(address indexed prover, address indexed by);

    error ProverRegistry_NotChallengeManager(address caller);
    /// @notice A value of the configuration could never work.
    error ProverRegistry_BadConfig(bytes32 name, uint256 value);
    error ProverRegistry_AlreadyRegistered(address prover);
    error ProverRegistry_NotRegistered(address prover);
    error ProverRegistry_NoEncryptionKey();
    error ProverRegistry_StakeTooLow(uint128 stake, uint128 minimum);
    error ProverRegistry_NoAmount();
    error ProverRegistry_Thawing(address prover, uint40 thawEnd);
    error ProverRegistry_NotThawed(address prover, uint40 thawEnd);
    error ProverRegistry_CasesOpen(address prover, uint16 openCases);
    /// @notice Too few provers are eligible; the case waits, or is void at its deadline.
    error ProverRegistry_TooFewProvers(uint256 eligible, uint256 needed);

    /// @notice Stakes the caller. `encryptionKey` is an X25519 public key to which keys are sealed.
    function register(uint128 stake, bytes32 encryptionKey) external payable;

    /// @notice Adds stake. Like a registration it counts only for cases opened later, or the stake
    /// could follow a beacon value that is already known.
    function addStake(uint128 amount) external payable;

    /// @notice Leaves the draw at once; stake can be withdrawn after the thaw, when no drawn case
    /// is open.
    function startThaw() external;

    /// @notice Pays the stake out after the thaw. Refused while a drawn case is open.
    function withdraw() external;

    /// @notice Draws `size` distinct provers without replacement, weighted by stake. Only
    /// `ChallengeManager`. Eligible are those that registered or added stake last before `before`,
    /// do not thaw, and whose stake covers one more case: `minStake` for each.
    function drawCommittee(bytes32 seed, uint8 size, uint40 before)
        external
        returns (address[] memory committee);

    /// @notice The case has ended for this member; burns `penalty` of its stake. Only
    /// `ChallengeManager`.
    function release(bytes32 caseId, address prover, uint128 penalty) external;

    function prover(address account) external view returns (Prover memory);
    function provers() external view returns (address[] memory);
    function stakeCurrency() external view returns (address);
    function minStake() external view returns (uint128);
    function thawPeriod() external view returns (uint40);
}

/// @title Level-0 proofs and level-2 cases: the only place that decides and slashes
interface ChallengeManager {
    /// @notice Fixed at deployment. Windows in seconds; penalties in the provers' stake currency.
    struct Config {
        uint40 reportDelay;
        uint40 questionsWindow;
        uint40 commitWindow;
        uint40 revealWindow;
        uint40 openingWindow;
        uint40 rebuttalWindow;
        uint40 payoutDelay;
        uint8 committeeSize;
        uint8 bundlesPerCase;
        /// @dev bundles of the shared part that a case opens besides, as long as the universe has
        /// them
        uint8 sharedBundlesPerCase;
        uint8 minDecoys;
        uint128 nonRevealPenalty;
        uint128 dissentPenalty;
    }

    /// @notice Two slots; everything else about a case is in its id and in `facts`, see `CaseBook`.
    struct Case {
        CaseStatus status;
        /// @dev end of the present step; acting is possible up to and including it
        uint40 deadline;
        uint48 seedRound;
        uint16 questionCount;
        uint8 commits;
        uint8 reveals;
        /// @dev bit i: member i dissented
        uint16 dissenters;
        /// @dev hash of what was drawn, asked and found
        bytes32 facts;
    }

    /// @notice What the opening has found, bit j for fingerprint j in the order of the drawn
    /// bundles.
    /// @param hits hits of the personal part, and those of the shared part inside of the license's
    /// assignment
    /// @param outside hits of the shared part outside of it
    /// @param keysHash `keccak` of the opened key hashes one after the other
    struct Outcome {
        uint256 hits;
        uint256 outside;
        bytes32 keysHash;
    }

    /// @notice One opened leaf; `position` is its place among the questions.
    struct OpenedLeaf {
        bytes32 salt;
        bytes32 keyHash;
        bytes32[2] tags;
        uint16 position;
    }

    /// @notice A whole bundle with its Merkle proof.
    struct OpenedBundle {
        OpenedLeaf[16] leaves;
        bytes32[] siblings;
    }

    /// @notice What the owner brings to open the drawn leaves.
    /// @param bundles in the order of the draw
    /// @param decoyHashes key hashes of the questions that are not opened, in their order
    /// @param sheets tags as revealed; members that answered alike share a sheet
    /// @param sheetOf one byte by member in committee order: number of its sheet, 0xff for one that
    /// did not reveal
    struct LeafOpening {
        OpenedBundle[] bundles;
        bytes32[] decoyHashes;
        bytes[] sheets;
        bytes sheetOf;
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

    /// @notice What a series has found: leaves with `position` 0, 1, 2 … and the answers in their
    /// order.
    struct SeriesEvidence {
        OpenedBundle[] bundles;
        ServedAnswer[] answers;
    }

    /// @notice An answer, with the parts of its receipt that do not follow from the series.
    /// @param signature of the receipt by the serving key; empty if the host did not answer, which
    /// is a miss
    /// @param text of the response
    struct ServedAnswer {
        uint32 keyEpoch;
        uint64 seq;
        uint64 cumulativeTokens;
        uint64 servedAt;
        bytes signature;
        bytes text;
    }

    event ReportCommitted(bytes32 indexed commitment, address indexed reporter);
    event ProofAccepted(
        Violation indexed violation,
        bytes32 indexed licenseId,
        address indexed reporter,
        uint8 level,
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
    event CaseOpened(
        bytes32 indexed caseId,
        bytes32 indexed licenseId,
        address indexed reporter,
        bytes32 deploymentHash,
        uint48 seedRound,
        uint128 bond,
        uint40 openedAt,
        uint32 cases,
        uint32 licenses,
        bool leak
    );
    event DeploymentAccused(bytes32 indexed caseId, bytes32 indexed deploymentHash, string uri);
    event DeploymentFlagged(
        bytes32 indexed deploymentHash, bytes32 indexed licenseId, bytes32 indexed caseId
    );
    event CaseDrawn(
        bytes32 indexed caseId, uint32[] bundles, address[] committee, uint40 questionsDeadline
    );
    event SeedRoundMoved(bytes32 indexed caseId, uint48 seedRound);
    event QuestionsPosted(
        bytes32 indexed caseId, bytes32 questionsHash, uint16 count, uint40 commitDeadline
    );
    event TagsCommitted(bytes32 indexed caseId, address indexed prover, bytes32 commitment);
    event RevealStarted(bytes32 indexed caseId, uint40 revealDeadline);
    event TagsRevealed(bytes32 indexed caseId, address indexed prover, bytes tags);
    event OpeningStarted(bytes32 indexed caseId, uint40 openingDeadline);
    event LeavesOpened(
        bytes32 indexed caseId,
        uint256 hits,
        uint256 outside,
        bytes32 keysHash,
        uint16 count,
        uint40 rebuttalDeadline
    );
    event RequestPaid(
        bytes32 indexed caseId,
        uint16 indexed fingerprint,
        address indexed prover,
        bytes32 channelId
    );
    event ObservationRemoved(bytes32 indexed caseId, uint16 fingerprint, bytes32 channelId);
    event CaseResolved(
        bytes32 indexed caseId,
        CaseStatus indexed status,
        uint8 level,
        uint16 hits,
        uint16 queries,
        int64 evidenceLog2,
        int64 thresholdLog2,
        uint128 slashed,
        uint128 toReporter,
        uint128 toOwner
    );
    event BondPaid(bytes32 indexed caseId, address indexed to, address currency, uint128 amount);
    event ProverPaid(
        bytes32 indexed caseId, address indexed prover, address currency, uint128 amount
    );
    event FeesReturned(
        bytes32 indexed caseId, address indexed reporter, address currency, uint256 amount
    );
    event BalanceWithdrawn(
        address indexed currency, address indexed account, address indexed to, uint256 amount
    );

    /// @notice A value of the configuration could never work or would reward misbehaviour.
    error ChallengeManager_BadConfig(bytes32 name, uint256 value);
    /// @notice The commitment was made before by this reporter.
    error ChallengeManager_AlreadyCommitted(bytes32 commitment);
    /// @notice The caller has not committed to this report, or it was used.
    error ChallengeManager_NotCommitted(bytes32 commitment);
    /// @notice The report's delay is not over.
    error ChallengeManager_TooEarly(uint40 from);
    /// @notice The step's deadline has passed.
    error ChallengeManager_TooLate(uint40 deadline);
    /// @notice The license's terms do not accept this level of evidence.
    error ChallengeManager_LevelNotAccepted(uint8 level);
    /// @notice The license was never active.
    error ChallengeManager_LicenseNotLiable(bytes32 licenseId, LicenseStatus status);
    /// @notice The deployment is registered under the license: it is accused by `openCase`.
    error ChallengeManager_DeploymentRegistered(bytes32 deploymentHash);
    /// @notice Draw, questions or outcome are not those of the case.
    error ChallengeManager_WrongFacts(bytes32 caseId);
    /// @notice The deployment is not, or no longer, the host's to answer for.
    error ChallengeManager_DeploymentNotLiable(bytes32 deploymentHash, uint40 liableUntil);
    /// @notice The universe has too few unburned personal bundles for a case.
    error ChallengeManager_TooFewBundles(uint256 left, uint256 needed);
    /// @notice The receipt is not one of this license.
    error ChallengeManager_WrongLicense(bytes32 expected, bytes32 given);
    /// @notice The receipt is not signed by the license's serving key.
    error ChallengeManager_BadReceiptSignature(address signer, address servingKey);
    /// @notice The two receipts do not contradict each other.
    error ChallengeManager_NoEquivocation();
    /// @notice The receipt's units are settled, or the settlement period is not over.
    error ChallengeManager_NoUnderMetering(uint256 settleBy, uint256 owed, uint128 declared);
    /// @notice The key of this epoch was revoked; proofs by it were admissible until then.
    error ChallengeManager_KeyRevoked(uint32 keyEpoch, uint256 admissibleUntil);
    /// @notice The host signed this answer before the one that stands before it.
    error ChallengeManager_NotInOrder(uint256 answer);
    /// @notice The receipt was served within the term.
    error ChallengeManager_WithinTerm(uint64 servedAt, uint40 end);
    /// @notice The terms do not punish this violation.
    error ChallengeManager_NotAgreed(Violation violation);
    /// @notice The copy is of the license's own model or of its own host, or was never delivered.
    error ChallengeManager_NotForeign(bytes32 copyId);
    /// @notice The copy's answers were drawn before the host accepted its own artefact, so that its
    /// licensor could have put them there.
    error ChallengeManager_DrawnBefore(uint48 seedRound, uint48 activationRound);
    /// @notice Nobody has put the reader of copies on this chain yet; anyone can.
    error ChallengeManager_NoReader(address reader);
    /// @notice The answer was served before the report's delay was over: it could have chosen the
    /// report.
    error ChallengeManager_ServedTooEarly(uint64 servedAt, uint256 from);
    /// @notice The answers do not convict.
    error ChallengeManager_NotEnough(int64 evidence, int64 threshold);
    /// @notice This violation was punished before.
    error ChallengeManager_AlreadyPunished(bytes32 punishmentId);
    /// @notice The case is not in the step that this action belongs to.
    error ChallengeManager_WrongStatus(bytes32 caseId, CaseStatus status);
    /// @notice The beacon's round is not out, or nobody brought it yet.
    error ChallengeManager_SeedPending(uint48 round);
    /// @notice Only the offer's owner may do this.
    error ChallengeManager_NotOwner(address caller, address owner);
    /// @notice Only members of the case's committee may do this.
    error ChallengeManager_NotMember(bytes32 caseId, address caller);
    /// @notice The number of questions is outside of what the case needs.
    error ChallengeManager_BadQuestionCount(uint16 count, uint256 min, uint256 max);
    /// @notice An empty hash commits to nothing.
    error ChallengeManager_EmptyHash();
    /// @notice The member has done this before.
    error ChallengeManager_AlreadyDone(bytes32 caseId, address prover);
    /// @notice Tags and salt are not what the member committed to.
    error ChallengeManager_WrongTags(bytes32 caseId, address prover);
    /// @notice An array has the wrong length.
    error ChallengeManager_WrongLength(bytes32 name, uint256 given, uint256 expected);
    /// @notice The key hashes are not those that were posted or opened.
    error ChallengeManager_WrongKeyHashes(bytes32 caseId);
    /// @notice A fingerprint's position among the questions is taken or outside, or its key hash is
    /// 0.
    error ChallengeManager_BadPosition(uint256 fingerprint, uint16 position);
    /// @notice The tags of a leaf are not 16 strictly increasing non-zero values.
    error ChallengeManager_MalformedLeaf(uint32 leaf);
    /// @notice The opened bundle is not under the universe's root.
    error ChallengeManager_BadProof(uint32 bundle);
    /// @notice There is no such opened fingerprint.
    error ChallengeManager_NoSuchFingerprint(uint16 fingerprint);
    /// @notice The voucher is for another request.
    error ChallengeManager_WrongRequest(bytes32 given, bytes32 expected);
    /// @notice The voucher's channel does not cover what it promises, or it promises less than the
    /// price.
    error ChallengeManager_NotPaid(
        bytes32 channelId, uint128 amount, uint256 price, uint128 deposited
    );
    /// @notice The voucher is not signed by the channel's signer.
    error ChallengeManager_BadVoucherSignature(address signer);
    /// @notice The case can't be ended yet.
    error ChallengeManager_NotResolvable(bytes32 caseId, CaseStatus status, uint40 deadline);
    /// @notice Money to the zero address would be lost.
    error ChallengeManager_NoRecipient();
    /// @notice The caller has nothing to withdraw.
    error ChallengeManager_NoBalance(address currency, address account);

    /// @notice First half of every report: binds it to the caller, so that nobody can copy it.
    function commitReport(bytes32 commitment) external;

    /// @notice Level 0: two receipts with the same (license, keyEpoch, channel, seq) and different
    /// content. Numbers are of their epoch: there is no equivocation across epochs.
    function proveEquivocation(
        LicenseRef calldata ref,
        Receipt calldata a,
        bytes calldata signatureA,
        Receipt calldata b,
        bytes calldata signatureB,
        bytes32 salt
    ) external;

    /// @notice Level 0: a receipt whose units cost more than was claimed when the settlement period
    /// is over. Of any epoch: units are cumulative on the channel. The period begins when the
    /// receipt was served, and at the latest when its key ended.
    function proveUnderMetering(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external;

    /// @notice Level 0: a receipt served after the license's term, or signed with a key that was
    /// named after it.
    function proveOutOfTerm(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external;

    /// @notice Level 0: receipts for plain requests, whose answers are those of another host's copy
    /// of another model. The copy's answers must have been drawn after the host accepted its own
    /// artefact. The opened bundles are burned.
    /// @dev See decision 015 for what is counted against whom. The claim is
    /// `keccak(abi.encode(violation, licenseId, keccak(abi.encode(copyId, channelId, firstRequest,
    /// bundles))))`.
    function proveUnlicensedModel(
        LicenseRef calldata ref,
        Series calldata series,
        SeriesEvidence calldata given,
        bytes32 salt
    ) external;

    /// @notice Level 2: opens a case against a registered deployment; takes `reportBond +
    /// committeeSize * proverFee`; freezes the collateral.
    function openCase(LicenseRef calldata ref, bytes32 deploymentHash, bytes32 salt)
        external
        payable
        returns (bytes32 caseId);

    /// @notice Level 2: opens a case about a deployment that is not registered, to show that it
    /// serves this license's copy. An upheld case flags the deployment; it costs the host its
    /// collateral only if the terms carry leak liability, since the owner, too, could have deployed
    /// the copy. Same bond and fees.
    function openLeakCase(LicenseRef calldata ref, string calldata uri, bytes32 salt)
        external
        payable
        returns (bytes32 caseId);

    /// @notice Draws bundles and committee once the beacon round was brought. Anyone. Re-commits a
    /// stale round.
    function drawCase(CaseRef calldata ref) external;

    /// @notice The owner fixes what the committee asks. Only `terms.owner`. Naming the draw ties
    /// the questions to it: after a reorg they can't be taken for another draw's.
    function postQuestions(
        CaseRef calldata ref,
        Drawn calldata drawn,
        bytes32 questionsHash,
        uint16 count
    ) external;

    /// @notice A member commits to the tags it observed for these questions. Only committee
    /// members, once. The lowest bit of the commitment is not kept.
    function commitTags(
        bytes32 caseId,
        Drawn calldata drawn,
        bytes32 questionsHash,
        bytes32 commitment
    ) external;

    /// @notice A member reveals. After the last commit or the commit deadline.
    function revealTags(bytes32 caseId, bytes calldata tags, bytes32 salt) external;

    /// @notice The owner opens the leaves; the contract recomputes answers and counts. Only
    /// `terms.owner`.
    function openLeaves(CaseRef calldata ref, Drawn calldata drawn, LeafOpening calldata given)
        external;

    /// @notice Shows that a committee member paid for a tested request. Anyone, in the rebuttal
    /// window. Once fewer members than the quorum are left that got the answer without payment, the
    /// observation no longer counts.
    /// @dev The voucher must be a committee member's, as payer or signer: only members asked, and a
    /// voucher of anyone else could be made up by the host after the leaves are open.
    /// @param outcome as `LeavesOpened` announced it
    /// @param openedKeyHashes key hashes of all opened fingerprints, in their order
    /// @param fingerprint 0-based among the opened ones
    function rebut(
        CaseRef calldata ref,
        Drawn calldata drawn,
        Outcome calldata outcome,
        bytes32[] calldata openedKeyHashes,
        uint16 fingerprint,
        PaymentEscrow.ClaimRow calldata voucher
    ) external;

    /// @notice Ends the case when its time has come: verdict after the rebuttal window, `Void`
    /// where a party let a deadline pass. Anyone.
    /// @param drawn empty before the draw; @param questionsHash from the questions to the opening,
    /// else ignored
    /// @param outcome after the opening, else ignored
    function resolve(
        CaseRef calldata ref,
        Drawn calldata drawn,
        bytes32 questionsHash,
        Outcome calldata outcome
    ) external;

    /// @notice State of a case; status `None` for an unknown one.
    function caseOf(bytes32 caseId) external view returns (Case memory);
    function caseIdOf(CaseRef calldata ref) external view returns (bytes32 caseId);

    /// @notice Bit j: fingerprint j was removed by a rebuttal.
    function removedOf(bytes32 caseId) external view returns (uint256);

    /// @notice What is kept of a member: 0 before it acts; its commitment with lowest bit 0; then
    /// the hash of its revealed tags with lowest bit 1.
    function wordOf(bytes32 caseId, address prover) external view returns (bytes32);

    /// @notice Case that found this deployment to serve a license's copy without being registered,
    /// 0 if none.
    function flagOf(bytes32 deploymentHash) external view returns (bytes32 caseId);

    /// @notice When the reporter made the commitment; 0 if it did not or has used it.
    function reportCommittedAt(address reporter, bytes32 commitment) external view returns (uint40);
    function config() external view returns (Config memory);
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);
    function balanceOf(address currency, address account) external view returns (uint256);

    /// @notice Pulls bonds and fees credited to the caller.
    function withdrawBalance(address currency, address to) external returns (uint256 amount);
}
