// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LibBit } from "solady/utils/LibBit.sol";

import { IChallengeTypes } from "../interfaces/IChallengeTypes.sol";
import { ICopyReader } from "../interfaces/ICopyReader.sol";
import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { EValue } from "../libraries/EValue.sol";
import { FirstWord } from "../libraries/FirstWord.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { Openings } from "../libraries/Openings.sol";
import { Receipts } from "../libraries/Receipts.sol";
import { TermsLib } from "../libraries/TermsLib.sol";
import { EvidenceTerms, LicenseRef, Receipt, ServingKey, Violation } from "../libraries/Types.sol";

/// @title Reads the fourth proof of level 0: the receipts of a host show another host's copy of
/// another model
/// @dev Without storage, rights or settings, so that its address is that of its code;
/// `ChallengeManager`, which could not hold this code too, names that address and passes its
/// calldata on.
///
/// What makes the proof safe for the accused, see decision 015: the copy's answers are drawn after
/// the host accepted its own artefact; who asks has no say in the answer of a plain request; which
/// answers count is fixed before they are served; and the threshold pays for every copy, every
/// choice of bundles and every report that could be tried.
contract CopyReader is ICopyReader {
    /// @dev Copies that exist, and reports that were made, are taken to be so many: nobody has to
    /// count them, and more would take years of a chain's gas.
    uint32 private constant TRIES = type(uint32).max;

    /// @dev Leaves of a series: hits are kept in one word of bits.
    uint256 private constant MAX_QUERIES = 256;

    /// @inheritdoc ICopyReader
    function proveUnlicensedModel(
        LicenseRef calldata ref,
        IChallengeTypes.Series calldata series,
        IChallengeTypes.SeriesEvidence calldata given,
        bytes32
    ) external view returns (Reading memory reading) {
        ILicenseRegistry registry = IWired(msg.sender).registry();
        reading.licenseId = TermsLib.licenseId(ref, address(registry));
        reading.copyId = _requireForeign(registry, ref, reading.licenseId, series.copy);
        reading.seriesId = keccak256(
            abi.encode(reading.copyId, series.channelId, series.firstRequest, series.bundles)
        );
        Openings.Opening memory o = _openSeries(registry, series, reading.copyId, given);
        reading.firstServedAt = _checkAnswers(
            ref, registry, _unsigned(reading.licenseId, series), given.answers, o.opened
        );
        _weigh(reading, ref.terms.evidence, o, series.bundles.length);
    }

    /// @dev The copy is another host's, of another model, and was drawn when the accused had its
    /// own artefact.
    function _requireForeign(
        ILicenseRegistry registry,
        LicenseRef calldata ref,
        bytes32 licenseId,
        LicenseRef calldata copy
    ) private view returns (bytes32 copyId) {
        require(
            ref.terms.slash.unlicensedModelBps != 0,
            IChallengeTypes.ChallengeManager_NotAgreed(Violation.UnlicensedModel)
        );
        copyId = TermsLib.licenseId(copy, address(registry));
        ILicenseRegistry.License memory other = registry.license(copyId);
        require(
            other.artefactHash != 0 && copy.host != ref.host
                && copy.terms.modelId != ref.terms.modelId,
            IChallengeTypes.ChallengeManager_NotForeign(copyId)
        );
        uint48 activationRound = registry.activationRound(licenseId);
        require(
            activationRound != 0 && other.seedRound >= activationRound,
            IChallengeTypes.ChallengeManager_DrawnBefore(other.seedRound, activationRound)
        );
    }

    /// @dev Opens the leaves and counts the answers that are the copy's.
    function _openSeries(
        ILicenseRegistry registry,
        IChallengeTypes.Series calldata series,
        bytes32 copyId,
        IChallengeTypes.SeriesEvidence calldata given
    ) private view returns (Openings.Opening memory o) {
        uint256 count = Leaves.BUNDLE * series.bundles.length;
        require(
            count != 0 && count <= MAX_QUERIES && given.answers.length == count,
            IChallengeTypes.ChallengeManager_WrongLength("answers", given.answers.length, count)
        );
        o = Openings.start(registry, series.copy, copyId, series.bundles.length, count);
        o.agreed = new bytes4[](count);
        for (uint256 j; j < count; ++j) {
            o.agreed[j] = FirstWord.tag(given.answers[j].text);
        }
        Openings.open(o, series.bundles, given.bundles);
        for (uint256 j; j < count; ++j) {
            // Each answer belongs to the leaf of its own place.
            require(
                o.questions[j] == o.opened[j],
                IChallengeTypes.ChallengeManager_BadPosition(
                    j, given.bundles[j / 16].leaves[j % 16].position
                )
            );
        }
    }

    function _unsigned(bytes32 licenseId, IChallengeTypes.Series calldata series)
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
        ILicenseRegistry registry,
        Receipt memory receipt,
        IChallengeTypes.ServedAnswer[] calldata answers,
        bytes32[] memory keyHashes
    ) private view returns (uint64 firstServedAt) {
        ServingKey memory key;
        firstServedAt = type(uint64).max;
        for (uint256 j; j < answers.length; ++j) {
            IChallengeTypes.ServedAnswer calldata answer = answers[j];
            if (answer.signature.length == 0) {
                // What nobody signed nobody said.
                require(
                    answer.text.length == 0,
                    IChallengeTypes.ChallengeManager_WrongLength("text", answer.text.length, 0)
                );
                continue;
            }
            if (key.signer == address(0) || answer.keyEpoch > receipt.keyEpoch) {
                key = registry.servingKey(receipt.licenseId, answer.keyEpoch);
                Receipts.requireAdmissible(key, answer.keyEpoch, ref.terms.settlementPeriod);
            } else {
                require(
                    answer.keyEpoch == receipt.keyEpoch && answer.seq > receipt.seq,
                    IChallengeTypes.ChallengeManager_NotInOrder(j)
                );
            }
            receipt.keyEpoch = answer.keyEpoch;
            receipt.seq = answer.seq;
            receipt.cumulativeTokens = answer.cumulativeTokens;
            receipt.servedAt = answer.servedAt;
            receipt.requestHash = Receipts.plainRequestHash(ref.terms.modelId, keyHashes[j]);
            receipt.responseHash = Receipts.responseHash(answer.text);
            Receipts.requireSigned(key, Receipts.digestOf(receipt, msg.sender), answer.signature);
            uint64 servedFrom = Receipts.servedFrom(answer.servedAt, key);
            if (servedFrom < firstServedAt) firstServedAt = servedFrom;
            ++receipt.cumulativeRequests;
        }
    }

    function _weigh(
        Reading memory reading,
        EvidenceTerms calldata terms,
        Openings.Opening memory o,
        uint256 bundles
    ) private pure {
        uint256 queries = o.opened.length;
        uint256 hits = LibBit.popCount(o.hits);
        reading.hits = uint16(hits);
        reading.queries = uint16(queries);
        reading.evidence =
            EValue.evidence(hits, queries - hits, terms.personalHit, terms.personalMiss);
        reading.threshold = EValue.threshold(terms.alphaInverse, TRIES, TRIES)
            + int64(uint64(bundles)) * EValue.log2Ceil(o.personalCount / Leaves.BUNDLE);
        require(
            reading.evidence >= reading.threshold,
            IChallengeTypes.ChallengeManager_NotEnough(reading.evidence, reading.threshold)
        );
    }
}

/// @dev What `ChallengeManager` says of its wiring.
interface IWired {
    function registry() external view returns (ILicenseRegistry);
}
