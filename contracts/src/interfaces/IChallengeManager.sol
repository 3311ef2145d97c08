// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CaseRef, Drawn, LicenseRef, Receipt } from "../libraries/Types.sol";
import { IChallengeTypes } from "./IChallengeTypes.sol";
import { IPaymentEscrow } from "./IPaymentEscrow.sol";

/// @title Level-0 proofs and level-2 cases: the only place that decides and slashes
interface IChallengeManager is IChallengeTypes {
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
        IPaymentEscrow.ClaimRow calldata voucher
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
