// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {CaseStatus, LicenseRef, Receipt, Violation} from "../libraries/Types.sol";
import {IPaymentEscrow} from "./IPaymentEscrow.sol";

/// @title Level-0 proofs and level-2 cases: the only place that decides and slashes
interface IChallengeManager {
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
        uint8 minDecoys;
        uint128 nonRevealPenalty;
        uint128 dissentPenalty;
    }

    struct Case {
        bytes32 licenseId;
        bytes32 deploymentHash;
        address reporter;
        CaseStatus status;
        uint40 openedAt;
        uint40 deadline;
        uint48 seedRound;
        bytes32 questionsHash;
        uint16 questionCount;
        uint8 commits;
        uint8 reveals;
        /// @dev bit j: fingerprint j (in the order of the drawn bundles) was a hit / was removed by a rebuttal
        uint256 hits;
        uint256 removed;
        int64 threshold;
        uint32[] bundles;
        address[] committee;
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

    event ReportCommitted(bytes32 indexed commitment, address indexed reporter);
    event ProofAccepted(
        Violation indexed violation, bytes32 indexed licenseId, address indexed reporter, uint8 level, uint128 slashed, uint128 toReporter, uint128 toOwner
    );
    event CaseOpened(
        bytes32 indexed caseId, bytes32 indexed licenseId, address indexed reporter, bytes32 deploymentHash, uint48 seedRound, uint128 bond
    );
    event CaseDrawn(bytes32 indexed caseId, uint32[] bundles, address[] committee, uint40 questionsDeadline);
    event SeedRoundMoved(bytes32 indexed caseId, uint48 seedRound);
    event QuestionsPosted(bytes32 indexed caseId, bytes32 questionsHash, uint16 count, uint40 commitDeadline);
    event TagsCommitted(bytes32 indexed caseId, address indexed prover, bytes32 commitment);
    event RevealStarted(bytes32 indexed caseId, uint40 revealDeadline);
    event TagsRevealed(bytes32 indexed caseId, address indexed prover, bytes tags);
    event OpeningStarted(bytes32 indexed caseId, uint40 openingDeadline);
    event LeavesOpened(bytes32 indexed caseId, uint256 hits, uint16 count, uint40 rebuttalDeadline);
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
    event ProverPaid(bytes32 indexed caseId, address indexed prover, address currency, uint128 amount);

    /// @notice First half of every report: binds it to the caller, so that nobody can copy it.
    function commitReport(bytes32 commitment) external;

    /// @notice Level 0: two receipts with the same (license, channel, seq) and different content.
    function proveEquivocation(
        LicenseRef calldata ref, Receipt calldata a, bytes calldata signatureA, Receipt calldata b, bytes calldata signatureB, bytes32 salt
    ) external;

    /// @notice Level 0: a receipt whose cumulative units exceed what is settled after the settlement period.
    function proveUnderMetering(LicenseRef calldata ref, Receipt calldata receipt, bytes calldata signature, bytes32 salt) external;

    /// @notice Level 0: a receipt served outside of the license's term.
    function proveOutOfTerm(LicenseRef calldata ref, Receipt calldata receipt, bytes calldata signature, bytes32 salt) external;

    /// @notice Level 2: opens a case against a registered deployment; takes `reportBond + committeeSize * proverFee`; freezes the collateral.
    function openCase(LicenseRef calldata ref, bytes32 deploymentHash, bytes32 salt) external payable returns (bytes32 caseId);

    /// @notice Draws bundles and committee once the beacon round is out. Anyone. Re-commits a stale round.
    function drawCase(LicenseRef calldata ref, bytes32 caseId) external;

    /// @notice The owner fixes what the committee asks. Only `terms.owner`.
    function postQuestions(LicenseRef calldata ref, bytes32 caseId, bytes32 questionsHash, uint16 count) external;

    /// @notice A member commits to the tags it observed. Only committee members, once.
    function commitTags(bytes32 caseId, bytes32 commitment) external;

    /// @notice A member reveals. After the last commit or the commit deadline.
    function revealTags(bytes32 caseId, bytes calldata tags, bytes32 salt) external;

    /// @notice The owner opens the leaves; the contract recomputes answers and counts. Only `terms.owner`.
    /// @param keyHashes all questions in order; @param memberTags tags by committee order, empty for a member that did not reveal
    function openLeaves(
        LicenseRef calldata ref, bytes32 caseId, OpenedBundle[] calldata bundles, bytes32[] calldata keyHashes, bytes[] calldata memberTags
    ) external;

    /// @notice A payer's voucher for a tested request removes it from the count. Anyone, in the rebuttal window.
    /// @param fingerprint 0-based among the opened ones; @param keyHash of that fingerprint
    function rebut(
        LicenseRef calldata ref, bytes32 caseId, uint16 fingerprint, bytes32 keyHash, IPaymentEscrow.ClaimRow calldata voucher
    ) external;

    /// @notice Ends the case when its time has come: verdict after the rebuttal window, `Void` where a party let a deadline pass. Anyone.
    function resolve(LicenseRef calldata ref, bytes32 caseId) external;

    function caseOf(bytes32 caseId) external view returns (Case memory);
    function commitmentOf(bytes32 caseId, address prover) external view returns (bytes32);
    function config() external view returns (Config memory);
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);
    function balanceOf(address currency, address account) external view returns (uint256);

    /// @notice Pulls bonds and fees credited to the caller.
    function withdrawBalance(address currency, address to) external returns (uint256 amount);
}
