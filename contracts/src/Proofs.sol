// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CopyProofs } from "./CopyProofs.sol";
import { ProofDesk } from "./ProofDesk.sol";
import { IProofs } from "./interfaces/IProofs.sol";
import { Receipts } from "./libraries/Receipts.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { LicenseRef, LicenseStatus, Receipt, ServingKey, Violation } from "./libraries/Types.sol";

/// @title Level 0: the evidence is the accused's own signature
/// @notice Immutable: no owner, no upgrade, no pause. See `IProofs`. What makes the proof of an
/// unlicensed model safe for the accused: decision 015.
contract Proofs is CopyProofs {
    constructor(address registry_, address vault_, address escrow_, Config memory config_)
        ProofDesk(registry_, vault_, escrow_, config_)
    { }

    /* -------------------------------- single receipts -------------------------------- */

    /// @inheritdoc IProofs
    function proveEquivocation(
        LicenseRef calldata ref,
        Receipt calldata a,
        bytes calldata signatureA,
        Receipt calldata b,
        bytes calldata signatureB,
        bytes32 salt
    ) external nonReentrant {
        bytes32 licenseId = _licenseId(ref);
        (ServingKey memory key,, bytes32 digest) = _checkReceipt(ref, licenseId, a, signatureA);
        bytes32 other = _checkSignature(licenseId, key, b, signatureB);
        bool sameNumber = a.keyEpoch == b.keyEpoch && a.channelId == b.channelId && a.seq == b.seq;
        require(sameNumber && digest != other, Proofs_NoEquivocation());

        bytes32 subject = keccak256(abi.encode(a.channelId, a.keyEpoch, a.seq));
        _accept(ref, licenseId, Violation.Equivocation, digest, subject, salt);
    }

    /// @inheritdoc IProofs
    function proveUnderMetering(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external nonReentrant {
        bytes32 licenseId = _licenseId(ref);
        (ServingKey memory key,, bytes32 digest) = _checkReceipt(ref, licenseId, receipt, signature);
        // A channel that does not exist has nothing settled: the host served what no one could be
        // paid for.
        uint128 declared = ESCROW.declared(receipt.channelId);
        // By the key's end too: else a host could date a receipt far ahead and revoke the key
        // before the receipt is due.
        uint256 settleBy =
            uint256(Receipts.servedBy(receipt.servedAt, key)) + ref.terms.settlementPeriod;
        // Money, not units: anyone may claim, so a payer could settle few units for a high amount
        // and leave the host without a voucher that it could still claim.
        uint256 owed =
            TermsLib.price(ref.terms, receipt.cumulativeRequests, receipt.cumulativeTokens);
        require(
            block.timestamp > settleBy && owed > declared,
            Proofs_NoUnderMetering(settleBy, owed, declared)
        );

        _accept(ref, licenseId, Violation.UnderMetering, digest, receipt.channelId, salt);
    }

    /// @inheritdoc IProofs
    function proveOutOfTerm(
        LicenseRef calldata ref,
        Receipt calldata receipt,
        bytes calldata signature,
        bytes32 salt
    ) external nonReentrant {
        bytes32 licenseId = _licenseId(ref);
        (ServingKey memory key, uint40 end, bytes32 digest) =
            _checkReceipt(ref, licenseId, receipt, signature);
        // The deadline is the expiry of an active license and the end of a terminated one.
        uint64 servedFrom = Receipts.servedFrom(receipt.servedAt, key);
        require(servedFrom > end, Proofs_WithinTerm(servedFrom, end));

        _accept(ref, licenseId, Violation.OutOfTerm, digest, receipt.channelId, salt);
    }

    /// @inheritdoc IProofs
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32) {
        return _digest(receipt);
    }

    function _checkReceipt(
        LicenseRef calldata ref,
        bytes32 licenseId,
        Receipt calldata receipt,
        bytes calldata signature
    ) private view returns (ServingKey memory key, uint40 deadline, bytes32 digest) {
        _requireLevel(ref.terms);
        LicenseStatus status;
        (status, deadline) = REGISTRY.licenseState(licenseId);
        require(
            status == LicenseStatus.Active || status == LicenseStatus.Terminated,
            Proofs_LicenseNotLiable(licenseId, status)
        );
        key = REGISTRY.servingKey(licenseId, receipt.keyEpoch);
        digest = _checkSignature(licenseId, key, receipt, signature);
        Receipts.requireAdmissible(key, receipt.keyEpoch, ref.terms.settlementPeriod);
    }

    function _checkSignature(
        bytes32 licenseId,
        ServingKey memory key,
        Receipt calldata receipt,
        bytes calldata signature
    ) private view returns (bytes32 digest) {
        require(receipt.licenseId == licenseId, Proofs_WrongLicense(licenseId, receipt.licenseId));
        digest = _digest(receipt);
        Receipts.requireSigned(key, digest, signature);
    }

    function _accept(
        LicenseRef calldata ref,
        bytes32 licenseId,
        Violation violation,
        bytes32 digest,
        bytes32 subject,
        bytes32 salt
    ) private {
        (uint40 committedAt,) =
            _consumeReport(keccak256(abi.encode(violation, licenseId, digest)), salt);
        _punish(ref, licenseId, violation, subject, committedAt);
    }

    function _domainNameAndVersion()
        internal
        pure
        override
        returns (string memory name, string memory version)
    {
        return ("OML", "1");
    }

    function _digest(Receipt calldata receipt) private view returns (bytes32) {
        return _hashTypedData(Receipts.structHash(receipt));
    }
}
