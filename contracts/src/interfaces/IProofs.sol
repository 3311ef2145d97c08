// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    LicenseRef,
    LicenseStatus,
    OpenedBundle,
    Receipt,
    Violation
} from "../libraries/Types.sol";

/// @title Level 0: proofs by the accused's own signature, so that nobody has to be believed
/// @notice A reporter first commits to its proof, so that nobody can copy it, and proves it after a
/// delay.
interface IProofs {
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
