// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../src/interfaces/IProofs.sol";
import { Draw } from "../../src/libraries/Draw.sol";
import { Receipts } from "../../src/libraries/Receipts.sol";
import {
    LicenseRef,
    OpenedBundle,
    Parent,
    Receipt,
    Terms,
    Violation
} from "../../src/libraries/Types.sol";
import { FingerprintTree } from "./FingerprintTree.sol";
import { ProofTest } from "./ProofTest.sol";
import { SampleTerms } from "./SampleTerms.sol";

/// @title A host of one model, a copy of another, and the steps of the proof that the host serves
/// it
abstract contract CopyTest is ProofTest {
    /// @dev What a proof shows of a series.
    struct Given {
        OpenedBundle[] opened;
        IProofs.ServedAnswer[] answers;
    }

    uint16 internal constant SLASH = 6000;
    uint64 internal constant FIRST = 7;

    FingerprintTree internal victimTree;
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

    /// @dev Eight bundles: a choice of one is worth three bits.
    function _copyPersonal() internal pure virtual returns (uint32) {
        return 128;
    }

    /// @dev The victim's model, offered and bought by `by`, after the accused got its own artefact.
    function _copyFor(address by) internal {
        vm.startPrank(victim.addr);
        victimModel =
            registry.registerModel("other weights", bytes32(uint256(uint160(by))), new Parent[](0));
        victimTree = new FingerprintTree(victimModel, 0, _copyPersonal() + SHARED);
        registry.commitUniverse(victimModel, victimTree.root(), _copyPersonal(), SHARED);
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

    /// @dev Three bundles that are not neighbours.
    function _series() internal view returns (IProofs.Series memory series) {
        uint32[] memory bundles = new uint32[](3);
        (bundles[0], bundles[1], bundles[2]) = (5, 2, 7);
        return IProofs.Series(copy(), CHANNEL, FIRST, bundles);
    }

    /// @dev The first `count` bundles.
    function _firstBundles(uint32 count) internal view returns (IProofs.Series memory series) {
        series = _series();
        series.bundles = new uint32[](count);
        for (uint32 k; k < count; ++k) {
            series.bundles[k] = k;
        }
    }

    function _claimOf(IProofs.Series memory series) internal view returns (bytes32) {
        bytes32 id = registry.licenseIdOf(series.copy);
        bytes32 seriesId =
            keccak256(abi.encode(id, series.channelId, series.firstRequest, series.bundles));
        return keccak256(abi.encode(Violation.UnlicensedModel, licenseId, seriesId));
    }

    /// @dev Commits to the series and waits for the delay.
    function _reportSeries(IProofs.Series memory series) internal {
        _commitReport(reporter, _claimOf(series));
        skip(REPORT_DELAY);
    }

    /// @dev What the accused answers now: the copy's word, but another candidate for the first
    /// `misses` keys.
    function _evidence(IProofs.Series memory series, uint256 misses)
        internal
        view
        returns (Given memory given)
    {
        given.opened = new OpenedBundle[](series.bundles.length);
        given.answers = new IProofs.ServedAnswer[](16 * series.bundles.length);
        for (uint256 k; k < series.bundles.length; ++k) {
            given.opened[k] = victimTree.opened(series.bundles[k]);
        }
        for (uint256 j; j < given.answers.length; ++j) {
            uint32 index = _indexOf(series, j);
            uint256 candidate = _drawnCandidate(index);
            if (j < misses) candidate = (candidate + 1) % 16;
            _answer(given, j, series, victimTree.tag(index, candidate));
        }
    }

    /// @dev Fingerprint of answer `j`.
    function _indexOf(IProofs.Series memory series, uint256 j) internal pure returns (uint32) {
        return series.bundles[j / 16] * 16 + uint32(j % 16);
    }

    /// @dev The copy's answer to fingerprint `index`.
    function _drawnCandidate(uint32 index) internal view returns (uint256) {
        return _candidateOf(copyId, index);
    }

    function _candidateOf(bytes32 license, uint32 index) internal view returns (uint256) {
        bytes32 seed = registry.license(license).seed;
        return Draw.candidate(seed, victimTree.root(), index, victimTree.salt(index));
    }

    /// @dev The accused answers and signs; every answer before was signed too.
    function _answer(Given memory given, uint256 j, IProofs.Series memory series, bytes4 tag)
        internal
        view
    {
        uint64 request = series.firstRequest + uint64(j);
        IProofs.ServedAnswer memory a = given.answers[j];
        a.tag = tag;
        a.textHash = keccak256(abi.encode("text", tag, j));
        // Numbers have gaps.
        a.seq = 3 * request;
        a.cumulativeTokens = 10 * request;
        a.servedAt = uint64(block.timestamp);
        _signAnswer(given, j, _receiptOf(given, j, series));
    }

    function _signAnswer(Given memory given, uint256 j, Receipt memory receipt) internal view {
        _signAnswerBy(serving.key, given, j, receipt);
    }

    function _signAnswerBy(uint256 key, Given memory given, uint256 j, Receipt memory receipt)
        internal
        view
    {
        IProofs.ServedAnswer memory a = given.answers[j];
        (a.r, a.vs) = vm.signCompact(key, proofs.receiptDigest(receipt));
    }

    /// @dev What was not answered.
    function _unanswer(Given memory given, uint256 j) internal pure {
        IProofs.ServedAnswer memory nothing;
        given.answers[j] = nothing;
    }

    function _receiptOf(Given memory given, uint256 j, IProofs.Series memory series)
        internal
        view
        returns (Receipt memory)
    {
        IProofs.ServedAnswer memory a = given.answers[j];
        bytes32 keyHash = given.opened[j / 16].leaves[j % 16].keyHash;
        return Receipt({
            licenseId: licenseId,
            channelId: series.channelId,
            keyEpoch: a.keyEpoch,
            seq: a.seq,
            cumulativeRequests: series.firstRequest + uint64(j),
            cumulativeTokens: a.cumulativeTokens,
            servedAt: a.servedAt,
            requestHash: Receipts.plainRequestHash(modelId, keyHash),
            responseHash: keccak256(
                abi.encodePacked(keccak256("OML.response.v2"), a.tag, a.textHash)
            )
        });
    }

    function _prove(IProofs.Series memory series, Given memory given) internal {
        vm.prank(reporter);
        proofs.proveUnlicensedModel(ref(), series, given.opened, given.answers, SALT);
    }
}
