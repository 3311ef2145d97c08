// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EIP712 } from "solady/utils/EIP712.sol";

import { IChallengeManager } from "../interfaces/IChallengeManager.sol";
import { ICopyReader } from "../interfaces/ICopyReader.sol";
import { Receipts } from "../libraries/Receipts.sol";
import { TermsLib } from "../libraries/TermsLib.sol";
import {
    LicenseRef,
    LicenseStatus,
    Receipt,
    ServingKey,
    SlashTerms,
    Violation
} from "../libraries/Types.sol";
import { ReportDesk } from "./ReportDesk.sol";

/// @title Level 0: the evidence is the accused's own signature, so nobody has to be believed
abstract contract ProofJudge is ReportDesk, EIP712 {
    uint8 private constant LEVEL = 0;

    /// @notice Where `CopyReader` is: the deterministic-deployment proxy put it there with salt 0,
    /// so the address is that of its code, on every chain.
    address public constant COPY_READER = 0xFB5Ad73A90870DACf614424123E0e0d9a159C918;

    /// @inheritdoc IChallengeManager
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
        require(sameNumber && digest != other, ChallengeManager_NoEquivocation());

        _accept(ref, Violation.Equivocation, a, digest, salt);
    }

    /// @inheritdoc IChallengeManager
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
        uint128 declared = escrow.declared(receipt.channelId);
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
            ChallengeManager_NoUnderMetering(settleBy, owed, declared)
        );

        _accept(ref, Violation.UnderMetering, receipt, digest, salt);
    }

    /// @inheritdoc IChallengeManager
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
        require(servedFrom > end, ChallengeManager_WithinTerm(servedFrom, end));

        _accept(ref, Violation.OutOfTerm, receipt, digest, salt);
    }

    /// @inheritdoc IChallengeManager
    function proveUnlicensedModel(
        LicenseRef calldata ref,
        Series calldata series,
        SeriesEvidence calldata,
        bytes32 salt
    ) external nonReentrant {
        _requireLevel(ref, LEVEL);
        ICopyReader.Reading memory read = _readCopy();
        uint40 from = _consumeReport(
            keccak256(abi.encode(Violation.UnlicensedModel, read.licenseId, read.seriesId)), salt
        );
        // What is served before could have been asked until it fitted.
        require(
            read.firstServedAt >= from, ChallengeManager_ServedTooEarly(read.firstServedAt, from)
        );
        _markPunished(Violation.UnlicensedModel, read.licenseId, read.copyId);
        emit CopyShown(
            read.licenseId, read.copyId, read.hits, read.queries, read.evidence, read.threshold
        );

        registry.burnOpened(series.copy.terms.modelId, series.copy.terms.epoch, series.bundles);
        _slash(ref, Violation.UnlicensedModel, read.licenseId);
    }

    /// @inheritdoc IChallengeManager
    function receiptDigest(Receipt calldata receipt) external view returns (bytes32) {
        return _digest(receipt);
    }

    function _domainNameAndVersion()
        internal
        pure
        override
        returns (string memory name, string memory version)
    {
        return ("OML", "1");
    }

    function _checkReceipt(
        LicenseRef calldata ref,
        bytes32 licenseId,
        Receipt calldata receipt,
        bytes calldata signature
    ) private view returns (ServingKey memory key, uint40 deadline, bytes32 digest) {
        _requireLevel(ref, LEVEL);
        LicenseStatus status;
        (status, deadline) = registry.licenseState(licenseId);
        _requireLiable(licenseId, status);
        key = registry.servingKey(licenseId, receipt.keyEpoch);
        digest = _checkSignature(licenseId, key, receipt, signature);
        Receipts.requireAdmissible(key, receipt.keyEpoch, ref.terms.settlementPeriod);
    }

    function _checkSignature(
        bytes32 licenseId,
        ServingKey memory key,
        Receipt calldata receipt,
        bytes calldata signature
    ) private view returns (bytes32 digest) {
        require(
            receipt.licenseId == licenseId,
            ChallengeManager_WrongLicense(licenseId, receipt.licenseId)
        );
        digest = _digest(receipt);
        Receipts.requireSigned(key, digest, signature);
    }

    /// @dev Each (violation, license, channel) is punished once, for equivocation each number of
    /// it: a host that misbehaved once has signed many receipts that show it.
    function _accept(
        LicenseRef calldata ref,
        Violation violation,
        Receipt calldata receipt,
        bytes32 digest,
        bytes32 salt
    ) private {
        bytes32 licenseId = receipt.licenseId;
        _consumeReport(keccak256(abi.encode(violation, licenseId, digest)), salt);
        bytes32 subject = violation == Violation.Equivocation
            ? keccak256(abi.encode(receipt.channelId, receipt.keyEpoch, receipt.seq))
            : receipt.channelId;
        _markPunished(violation, licenseId, subject);
        _slash(ref, violation, licenseId);
    }

    function _markPunished(Violation violation, bytes32 licenseId, bytes32 subject) private {
        bytes32 punishmentId = keccak256(abi.encode(violation, licenseId, subject));
        require(!_punished[punishmentId], ChallengeManager_AlreadyPunished(punishmentId));
        _punished[punishmentId] = true;
    }

    function _slash(LicenseRef calldata ref, Violation violation, bytes32 licenseId) private {
        (uint128 slashed, uint128 toReporter, uint128 toOwner) =
            _punish(ref, licenseId, _slashBps(ref.terms.slash, violation), msg.sender);
        emit ProofAccepted(violation, licenseId, msg.sender, LEVEL, slashed, toReporter, toOwner);
    }

    function _slashBps(SlashTerms calldata slash, Violation violation)
        private
        pure
        returns (uint16)
    {
        if (violation == Violation.Equivocation) return slash.equivocationBps;
        if (violation == Violation.UnderMetering) return slash.underMeteringBps;
        if (violation == Violation.OutOfTerm) return slash.outOfTermBps;
        return slash.unlicensedModelBps;
    }

    /// @dev What the reader finds in this call's data; reverts as it does.
    function _readCopy() private view returns (ICopyReader.Reading memory read) {
        (bool ok, bytes memory answer) = COPY_READER.staticcall(msg.data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        require(answer.length != 0, ChallengeManager_NoReader(COPY_READER));
        return abi.decode(answer, (ICopyReader.Reading));
    }

    function _digest(Receipt calldata receipt) private view returns (bytes32) {
        return _hashTypedData(Receipts.structHash(receipt));
    }
}
