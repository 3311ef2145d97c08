// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../src/interfaces/IChallengeTypes.sol";
import { Draw } from "../../src/libraries/Draw.sol";
import { Receipts } from "../../src/libraries/Receipts.sol";
import { LicenseRef, Parent, Receipt, Terms, Violation } from "../../src/libraries/Types.sol";
import { CaseTest } from "./CaseTest.sol";
import { SampleTerms } from "./SampleTerms.sol";
import { WordTree } from "./WordTree.sol";

/// @title A host of one model, a copy of another, and the steps of the proof that the host serves
/// it
abstract contract CopyTest is CaseTest {
    uint16 internal constant SLASH = 6000;
    uint64 internal constant FIRST = 7;

    WordTree internal words;
    Account internal victim;
    Account internal buyer;
    bytes32 internal victimModel;
    bytes32 internal copyId;
    bytes private _encodedCopy;

    function setUp() public virtual override {
        super.setUp();
        victim = makeAccount("victim");
        buyer = makeAccount("buyer");
        _fund(buyer.addr);
        _copyFor(buyer.addr);
    }

    function _terms() internal view virtual override returns (Terms memory terms) {
        terms = super._terms();
        terms.slash.unlicensedModelBps = SLASH;
    }

    function _copyPersonal() internal pure virtual returns (uint32) {
        return PERSONAL;
    }

    /// @dev The victim's model, offered and bought by `by`, after the accused got its own artefact.
    function _copyFor(address by) internal {
        vm.startPrank(victim.addr);
        victimModel =
            registry.registerModel("other weights", bytes32(uint256(uint160(by))), new Parent[](0));
        words = new WordTree(victimModel, _copyPersonal() + SHARED);
        registry.commitUniverse(victimModel, words.root(), _copyPersonal(), SHARED);
        Terms memory terms = SampleTerms.make(victimModel, 0, victim.addr, address(token));
        registry.publishOffer(terms);
        vm.stopPrank();
        LicenseRef memory copy_ = LicenseRef(terms, by, 5);
        _encodedCopy = abi.encode(copy_);
        copyId = _activeLicense(copy_);
    }

    function copy() internal view returns (LicenseRef memory) {
        return abi.decode(_encodedCopy, (LicenseRef));
    }

    /// @dev Two bundles that are not neighbours.
    function _series() internal view returns (IChallengeTypes.Series memory series) {
        uint32[] memory bundles = new uint32[](2);
        (bundles[0], bundles[1]) = (5, 2);
        return IChallengeTypes.Series(copy(), CHANNEL, FIRST, bundles);
    }

    function _claimOf(IChallengeTypes.Series memory series) internal view returns (bytes32) {
        bytes32 id = registry.licenseIdOf(series.copy);
        bytes32 seriesId =
            keccak256(abi.encode(id, series.channelId, series.firstRequest, series.bundles));
        return keccak256(abi.encode(Violation.UnlicensedModel, licenseId, seriesId));
    }

    /// @dev Commits to the series and waits for the delay.
    function _reportSeries(IChallengeTypes.Series memory series) internal {
        _commitReport(reporter, _claimOf(series));
        skip(60);
    }

    /// @dev What the accused answers now: the copy's word, but another candidate for the first
    /// `misses` keys.
    function _evidence(IChallengeTypes.Series memory series, uint256 misses)
        internal
        view
        returns (IChallengeTypes.SeriesEvidence memory given)
    {
        given.bundles = new IChallengeTypes.OpenedBundle[](series.bundles.length);
        given.answers = new IChallengeTypes.ServedAnswer[](16 * series.bundles.length);
        for (uint256 k; k < series.bundles.length; ++k) {
            given.bundles[k] = words.opened(series.bundles[k]);
            for (uint256 l; l < 16; ++l) {
                given.bundles[k].leaves[l].position = uint16(16 * k + l);
            }
        }
        for (uint256 j; j < given.answers.length; ++j) {
            uint32 index = series.bundles[j / 16] * 16 + uint32(j % 16);
            uint256 candidate = _drawnCandidate(index);
            if (j < misses) candidate = (candidate + 1) % 16;
            _answer(given, j, series, string.concat(" ", words.word(index, candidate), ", I say."));
        }
    }

    /// @dev The copy's answer to fingerprint `index`.
    function _drawnCandidate(uint32 index) internal view returns (uint256) {
        return Draw.candidate(registry.license(copyId).seed, words.root(), index, words.salt(index));
    }

    /// @dev The accused answers and signs; every answer before was signed too.
    function _answer(
        IChallengeTypes.SeriesEvidence memory given,
        uint256 j,
        IChallengeTypes.Series memory series,
        string memory text
    ) internal view {
        uint64 request = series.firstRequest + uint64(j);
        IChallengeTypes.ServedAnswer memory a = given.answers[j];
        a.text = bytes(text);
        // Numbers have gaps.
        a.seq = 3 * request;
        a.cumulativeTokens = 10 * request;
        a.servedAt = uint64(block.timestamp);
        a.signature = _sign(_receiptOf(given, j, series));
    }

    function _receiptOf(
        IChallengeTypes.SeriesEvidence memory given,
        uint256 j,
        IChallengeTypes.Series memory series
    ) internal view returns (Receipt memory) {
        IChallengeTypes.ServedAnswer memory a = given.answers[j];
        bytes32 keyHash = given.bundles[j / 16].leaves[j % 16].keyHash;
        return Receipt({
            licenseId: licenseId,
            channelId: series.channelId,
            keyEpoch: a.keyEpoch,
            seq: a.seq,
            cumulativeRequests: series.firstRequest + uint64(j),
            cumulativeTokens: a.cumulativeTokens,
            servedAt: a.servedAt,
            requestHash: Receipts.plainRequestHash(modelId, keyHash),
            responseHash: keccak256(abi.encodePacked(keccak256("OML.response.v1"), a.text))
        });
    }

    function _prove(
        IChallengeTypes.Series memory series,
        IChallengeTypes.SeriesEvidence memory given
    ) internal {
        vm.prank(reporter);
        manager.proveUnlicensedModel(ref(), series, given, SALT);
    }
}
