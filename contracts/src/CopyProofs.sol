// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EIP712 } from "solady/utils/EIP712.sol";

import { ProofDesk } from "./ProofDesk.sol";
import { ILicenseRegistry } from "./interfaces/ILicenseRegistry.sol";
import { IProofs } from "./interfaces/IProofs.sol";
import { EValue } from "./libraries/EValue.sol";
import { Leaves } from "./libraries/Leaves.sol";
import { Openings } from "./libraries/Openings.sol";
import { Receipts } from "./libraries/Receipts.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import {
    LicenseRef,
    LicenseStatus,
    OpenedBundle,
    Receipt,
    ServingKey,
    Violation
} from "./libraries/Types.sol";

/// @title The fourth proof of level 0: the receipts of a host show another host's copy of another
/// model
/// @dev Part of `Proofs`. What makes the proof safe for the accused, see decision 015: the copy's
/// answers are drawn after the host had its own copy; who asks has no say in the answer of
/// a plain request; which answers count is fixed before they are served; and the threshold pays for
/// every copy, every choice of bundles and every report that could be tried.
abstract contract CopyProofs is ProofDesk, EIP712 {
    /// @dev Copies that exist, and reports that were made, are taken to be so many: nobody has to
    /// count them, and more would take years of a chain's gas.
    uint32 private constant TRIES = type(uint32).max;

    uint256 private constant MAX_BUNDLES = 16;

    /// @dev Who is accused of serving which copy.
    /// @param committedAt when that was committed to; answers served before `from` do not count
    struct Report {
        bytes32 licenseId;
        bytes32 copyId;
        uint40 committedAt;
        uint40 from;
    }

    /// @inheritdoc IProofs
    function proveUnlicensedModel(
        LicenseRef calldata ref,
        Series calldata series,
        OpenedBundle[] calldata opened,
        ServedAnswer[] calldata answers,
        bytes32 salt
    ) external nonReentrant {
        _requireLevel(ref.terms);
        _requireLengths(series, opened, answers);
        Report memory report;
        report.licenseId = _licenseId(ref);
        report.copyId = _licenseId(series.copy);
        bytes32 copySeed = _requireForeign(ref, report, series.copy);
        (report.committedAt, report.from) = _consumeReport(_claimHash(report, series), salt);
        (bytes32[] memory keyHashes, uint256 hits) = _countHits(series, opened, answers, copySeed);
        _checkAnswers(ref, report, series, answers, keyHashes);
        _weigh(ref, report, series, hits);

        REGISTRY.burn(series.copy.terms.modelId, series.copy.terms.epoch, series.bundles);
        _punish(ref, report.licenseId, Violation.UnlicensedModel, report.copyId, report.committedAt);
    }

    function _licenseId(LicenseRef calldata ref) internal view returns (bytes32) {
        return TermsLib.licenseId(ref, address(REGISTRY));
    }

    /// @dev The copy is another host's, of another model, and was drawn when the accused had its
    /// own copy.
    function _requireForeign(
        LicenseRef calldata ref,
        Report memory report,
        LicenseRef calldata copy
    ) private view returns (bytes32 copySeed) {
        require(
            ref.terms.slash.unlicensedModelBps != 0, Proofs_NotAgreed(Violation.UnlicensedModel)
        );
        ILicenseRegistry.License memory other = REGISTRY.license(report.copyId);
        require(
            (other.status == LicenseStatus.Active || other.status == LicenseStatus.Terminated)
                && copy.host != ref.host && copy.terms.modelId != ref.terms.modelId,
            Proofs_NotForeign(report.copyId)
        );
        uint48 activationRound = REGISTRY.activationRound(report.licenseId);
        require(
            activationRound != 0 && other.seedRound >= activationRound,
            Proofs_DrawnBefore(other.seedRound, activationRound)
        );
        return other.seed;
    }

    /// @dev What a report commits to.
    function _claimHash(Report memory report, Series calldata series)
        private
        pure
        returns (bytes32)
    {
        bytes32 seriesId = keccak256(
            abi.encode(report.copyId, series.channelId, series.firstRequest, series.bundles)
        );
        return keccak256(abi.encode(Violation.UnlicensedModel, report.licenseId, seriesId));
    }

    function _requireLengths(
        Series calldata series,
        OpenedBundle[] calldata opened,
        ServedAnswer[] calldata answers
    ) private pure {
        uint256 bundles = series.bundles.length;
        require(
            bundles != 0 && bundles <= MAX_BUNDLES,
            Proofs_WrongLength("series", bundles, MAX_BUNDLES)
        );
        require(opened.length == bundles, Proofs_WrongLength("opened", opened.length, bundles));
        uint256 count = Leaves.BUNDLE * bundles;
        require(answers.length == count, Proofs_WrongLength("answers", answers.length, count));
    }

    /// @dev Opens the leaves and counts the answers that are the copy's.
    function _countHits(
        Series calldata series,
        OpenedBundle[] calldata opened,
        ServedAnswer[] calldata answers,
        bytes32 copySeed
    ) private view returns (bytes32[] memory keyHashes, uint256 hits) {
        keyHashes = new bytes32[](answers.length);
        Openings.Book memory book = Openings.bookOf(
            REGISTRY, series.copy.terms.modelId, series.copy.terms.epoch, copySeed
        );
        for (uint256 k; k < opened.length; ++k) {
            Openings.Page memory page = Openings.open(book, series.bundles[k], opened[k]);
            for (uint256 l; l < Leaves.BUNDLE; ++l) {
                uint256 j = k * Leaves.BUNDLE + l;
                keyHashes[j] = page.keyHashes[l];
                // No candidate has tag 0, which stands for no word and for no answer.
                if (answers[j].tag == Openings.answerOf(page, l)) ++hits;
            }
        }
    }

    function _firstReceipt(bytes32 licenseId, Series calldata series)
        private
        pure
        returns (Receipt memory receipt)
    {
        receipt.licenseId = licenseId;
        receipt.channelId = series.channelId;
        receipt.cumulativeRequests = series.firstRequest;
    }

    /// @dev Every answer has the receipt of the channel's next request, for the key that it is
    /// compared with.
    ///
    /// Requests are counted and not receipts, whose numbers may have gaps and begin anew with each
    /// serving key: a host could rotate its key out of any series. A host whose ledger was set back
    /// may have signed a request twice; because the receipts must stand in the order in which they
    /// were signed, whoever asked can choose but the place from which on the later ones count.
    function _checkAnswers(
        LicenseRef calldata ref,
        Report memory report,
        Series calldata series,
        ServedAnswer[] calldata answers,
        bytes32[] memory keyHashes
    ) private view {
        Receipt memory receipt = _firstReceipt(report.licenseId, series);
        ServingKey memory key;
        for (uint256 j; j < answers.length; ++j) {
            ServedAnswer calldata answer = answers[j];
            if (answer.r == 0 && answer.vs == 0) {
                // What nobody signed nobody said.
                require(answer.tag == 0, Proofs_NotSigned(j));
                continue;
            }
            if (key.signer == address(0) || answer.keyEpoch > receipt.keyEpoch) {
                key = REGISTRY.servingKey(receipt.licenseId, answer.keyEpoch);
                Receipts.requireAdmissible(key, answer.keyEpoch, ref.terms.settlementPeriod);
            } else {
                require(
                    answer.keyEpoch == receipt.keyEpoch && answer.seq > receipt.seq,
                    Proofs_NotInOrder(j)
                );
            }
            receipt.keyEpoch = answer.keyEpoch;
            receipt.seq = answer.seq;
            receipt.cumulativeTokens = answer.cumulativeTokens;
            receipt.servedAt = answer.servedAt;
            receipt.requestHash = Receipts.plainRequestHash(ref.terms.modelId, keyHashes[j]);
            receipt.responseHash = Receipts.responseHash(answer.tag, answer.textHash);
            bytes32 digest = _hashTypedData(Receipts.structHashOf(receipt));
            Receipts.requireSigned(key, digest, answer.r, answer.vs);
            uint64 servedFrom = Receipts.servedFrom(answer.servedAt, key);
            // What was served before could have been asked until it fitted.
            require(servedFrom >= report.from, Proofs_ServedTooEarly(servedFrom, report.from));
            ++receipt.cumulativeRequests;
        }
    }

    function _weigh(
        LicenseRef calldata ref,
        Report memory report,
        Series calldata series,
        uint256 hits
    ) private {
        uint256 bundles = series.bundles.length;
        uint256 queries = Leaves.BUNDLE * bundles;
        uint256 choices = REGISTRY.universe(series.copy.terms.modelId, series.copy.terms.epoch)
            .personalCount / Leaves.BUNDLE;
        int64 evidence = EValue.evidence(hits, queries);
        int64 threshold = EValue.log2Ceil(ref.terms.alphaInverse) + 2 * EValue.log2Ceil(TRIES)
            + int64(uint64(bundles)) * EValue.log2Ceil(choices);
        require(evidence >= threshold, Proofs_NotEnough(evidence, threshold));
        emit CopyShown(
            report.licenseId, report.copyId, uint16(hits), uint16(queries), evidence, threshold
        );
    }
}
