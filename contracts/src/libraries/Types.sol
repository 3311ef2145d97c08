// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @dev One unit of basis points base: 10,000 bps = 100 %.
uint16 constant BPS = 10_000;

/// @dev Largest number of parents of a model, hence of royalty rows in the terms.
uint256 constant MAX_PARENTS = 8;

/// @dev `Terms.currency` of the chain's native currency.
address constant NATIVE = address(0);

/// @dev Where burned money goes: no one holds its key, and unlike address(0) every token accepts
/// it.
address constant BURN = 0x000000000000000000000000000000000000dEaD;

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
