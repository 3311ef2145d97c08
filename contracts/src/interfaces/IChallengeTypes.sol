// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CaseStatus, LicenseRef, LicenseStatus, Violation } from "../libraries/Types.sol";

/// @title Structs, events and errors of `IChallengeManager`, shared by the contracts that it is
/// made of
interface IChallengeTypes {
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
}
