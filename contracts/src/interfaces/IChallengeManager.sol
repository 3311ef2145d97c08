// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef, Receipt } from "../libraries/Types.sol";
import { IChallengeTypes } from "./IChallengeTypes.sol";
import { IPaymentEscrow } from "./IPaymentEscrow.sol";

/// @title Level-0 proofs and level-2 cases: the only place that decides and slashes
interface IChallengeManager is IChallengeTypes {
    /// @notice First half of every report: binds it to the caller, so that nobody can copy it.
    function commitReport(bytes32 commitment) external;

    /// @notice Level 0: two receipts with the same (license, channel, seq) and different content.
    function proveEquivocation(
        LicenseRef calldata ref,
        Receipt calldata a,
        bytes calldata signatureA,
        Receipt calldata b,
        bytes calldata signatureB,
        bytes32 salt
    ) external;

    /// @notice Level 0: a receipt whose units cost more than was claimed when the settlement period is over.
    function proveUnderMetering(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external;

    /// @notice Level 0: a receipt served outside of the license's term.
    function proveOutOfTerm(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external;

    /// @notice Level 2: opens a case against a registered deployment; takes `reportBond + committeeSize * proverFee`; freezes the collateral.
    function openCase(LicenseRef calldata ref, bytes32 deploymentHash, bytes32 salt)
        external
        payable
        returns (bytes32 caseId);

    /// @notice Draws bundles and committee once the beacon round is out. Anyone. Re-commits a stale round.
    function drawCase(LicenseRef calldata ref, bytes32 caseId) external;

    /// @notice The owner fixes what the committee asks. Only `terms.owner`.
    function postQuestions(
        LicenseRef calldata ref,
        bytes32 caseId,
        bytes32 questionsHash,
        uint16 count
    ) external;

    /// @notice A member commits to the tags it observed. Only committee members, once.
    function commitTags(bytes32 caseId, bytes32 commitment) external;

    /// @notice A member reveals. After the last commit or the commit deadline.
    function revealTags(bytes32 caseId, bytes calldata tags, bytes32 salt) external;

    /// @notice The owner opens the leaves; the contract recomputes answers and counts. Only `terms.owner`.
    /// @param keyHashes all questions in order; @param memberTags tags by committee order, empty for a member that did not reveal
    function openLeaves(
        LicenseRef calldata ref,
        bytes32 caseId,
        OpenedBundle[] calldata bundles,
        bytes32[] calldata keyHashes,
        bytes[] calldata memberTags
    ) external;

    /// @notice Shows that a committee member paid for a tested request. Anyone, in the rebuttal window. Once fewer
    /// members than the quorum are left that got the answer without payment, the observation no longer counts.
    /// @dev The voucher must be a committee member's, as payer or signer: only members asked, and a voucher of anyone
    /// else could be made up by the host after the leaves are open.
    /// @param fingerprint 0-based among the opened ones
    /// @param openedKeyHashes key hashes of all opened fingerprints, in their order
    function rebut(
        LicenseRef calldata ref,
        bytes32 caseId,
        uint16 fingerprint,
        bytes32[] calldata openedKeyHashes,
        IPaymentEscrow.ClaimRow calldata voucher
    ) external;

    /// @notice Ends the case when its time has come: verdict after the rebuttal window, `Void` where a party let a deadline pass. Anyone.
    function resolve(LicenseRef calldata ref, bytes32 caseId) external;

    function caseOf(bytes32 caseId) external view returns (Case memory);

    /// @notice Number of cases ever opened; the next case's number.
    function caseCount() external view returns (uint256);

    /// @notice Commitment of a member to its tags, 0 if none.
    function commitmentOf(bytes32 caseId, address prover) external view returns (bytes32);

    /// @notice `keccak(tags)` that a member revealed, 0 if it has not.
    function revealedTagsHash(bytes32 caseId, address prover) external view returns (bytes32);

    /// @notice When the reporter made the commitment; 0 if it did not or has used it.
    function reportCommittedAt(address reporter, bytes32 commitment) external view returns (uint40);
    function config() external view returns (Config memory);
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32);
    function balanceOf(address currency, address account) external view returns (uint256);

    /// @notice Pulls bonds and fees credited to the caller.
    function withdrawBalance(address currency, address to) external returns (uint256 amount);
}
