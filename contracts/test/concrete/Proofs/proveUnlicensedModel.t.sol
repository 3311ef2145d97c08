// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ECDSA } from "solady/utils/ECDSA.sol";

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { Openings } from "../../../src/libraries/Openings.sol";
import { Receipts } from "../../../src/libraries/Receipts.sol";
import {
    LicenseRef,
    LicenseStatus,
    OpenedBundle,
    OpenedLeaf,
    Receipt,
    ServingKey,
    Violation
} from "../../../src/libraries/Types.sol";
import { CopyTest } from "../../utils/CopyTest.sol";
import { SampleCopy } from "../../utils/SampleCopy.sol";

contract Proofs_proveUnlicensedModel is CopyTest {
    function _expect(IProofs.Series memory series, Given memory given, bytes memory reason)
        private
    {
        vm.expectRevert(reason);
        _prove(series, given);
    }

    /// @dev A series that convicts, up to the report and the answers.
    function _ready() private returns (IProofs.Series memory series, Given memory given) {
        series = _series();
        _reportSeries(series);
        given = _evidence(series, 0);
    }

    /// @dev 8 bundles to choose from: three bits each.
    function _threshold(uint256 bundles) private pure returns (int64) {
        return EValue.log2Ceil(1e9) + 2 * EValue.log2Ceil(type(uint32).max)
            + int64(uint64(3 * bundles)) * (1 << 32);
    }

    function _badSignature(Receipt memory checked, IProofs.ServedAnswer memory given)
        private
        view
        returns (bytes memory)
    {
        address signer = ECDSA.tryRecover(proofs.receiptDigest(checked), given.r, given.vs);
        return
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector, signer, serving.addr
            );
    }

    // ---- Terms

    function test_revertWhen_levelNotAccepted() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        LicenseRef memory other = ref();
        other.terms.evidenceLevels = 4;
        vm.expectRevert(abi.encodeWithSelector(IProofs.Proofs_LevelNotAccepted.selector, 0));
        vm.prank(reporter);
        proofs.proveUnlicensedModel(other, series, given.opened, given.answers, SALT);
    }

    function test_revertWhen_notAgreed() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        LicenseRef memory other = ref();
        other.terms.slash.unlicensedModelBps = 0;
        vm.expectRevert(
            abi.encodeWithSelector(IProofs.Proofs_NotAgreed.selector, Violation.UnlicensedModel)
        );
        vm.prank(reporter);
        proofs.proveUnlicensedModel(other, series, given.opened, given.answers, SALT);
    }

    // ---- Copy

    function _expectNotForeign(LicenseRef memory other) private {
        (IProofs.Series memory series, Given memory given) = _ready();
        series.copy = other;
        _expect(
            series,
            given,
            abi.encodeWithSelector(IProofs.Proofs_NotForeign.selector, registry.licenseIdOf(other))
        );
    }

    function test_revertWhen_copyOfOwnModel() public {
        LicenseRef memory other = ref();
        other.host = buyer.addr;
        _activeLicense(other);
        _expectNotForeign(other);
    }

    function test_revertWhen_copyOfOwnHost() public {
        _copyFor(host.addr);
        _expectNotForeign(copy());
    }

    function test_revertWhen_copyNotDelivered() public {
        LicenseRef memory other = copy();
        other.nonce = 6;
        vm.prank(buyer.addr);
        bytes32 id = registry.acquire(other.terms, 6, serving.addr, SampleCopy.ENCRYPTION_KEY);
        _mineBeacon("seed");
        registry.drawLicenseSeed(id);
        _expectNotForeign(other);
    }

    function test_revertWhen_drawnBefore() public {
        // The same accused, once more, now after the copy.
        LicenseRef memory later = ref();
        later.nonce = 2;
        bytes32 laterId = _activeLicense(later);
        (IProofs.Series memory series, Given memory given) = _ready();
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_DrawnBefore.selector,
                registry.license(copyId).seedRound,
                registry.activationRound(laterId)
            )
        );
        vm.prank(reporter);
        proofs.proveUnlicensedModel(later, series, given.opened, given.answers, SALT);
    }

    function test_revertWhen_accusedNeverActive() public {
        LicenseRef memory later = ref();
        later.nonce = 2;
        (IProofs.Series memory series, Given memory given) = _ready();
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_DrawnBefore.selector, registry.license(copyId).seedRound, 0
            )
        );
        vm.prank(reporter);
        proofs.proveUnlicensedModel(later, series, given.opened, given.answers, SALT);
    }

    /// @dev Both rounds the same: neither value was known when the artefact was accepted.
    function test_acceptsACopyOfTheSameRound() public {
        // A copy whose purchase comes in the block of an activation has the activation's round.
        LicenseRef memory second = ref();
        second.nonce = 2;
        vm.prank(host.addr);
        bytes32 secondId =
            registry.acquire(second.terms, 2, serving.addr, SampleCopy.ENCRYPTION_KEY);
        _mineBeacon("second");
        registry.drawLicenseSeed(secondId);
        _deliver(second);
        _copyFor(payer.addr);
        assertEq(
            registry.license(copyId).seedRound, registry.activationRound(secondId), "same round"
        );
        licenseId = secondId;
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        vm.prank(reporter);
        proofs.proveUnlicensedModel(second, series, given.opened, given.answers, SALT);
        assertEq(vault.collateral(second).amount, COLLATERAL * 4 / 10, "slashed");
    }

    // ---- Leaves

    function _wrongLength(bytes32 name, uint256 got, uint256 expected)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IProofs.Proofs_WrongLength.selector, name, got, expected);
    }

    function test_revertWhen_lengthsWrong() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        IProofs.ServedAnswer[] memory answers = given.answers;
        given.answers = new IProofs.ServedAnswer[](47);
        _expect(series, given, _wrongLength("answers", 47, 48));
        given.answers = new IProofs.ServedAnswer[](49);
        _expect(series, given, _wrongLength("answers", 49, 48));
        given.answers = answers;
        given.opened = new OpenedBundle[](2);
        _expect(series, given, _wrongLength("opened", 2, 3));
        series.bundles = new uint32[](0);
        _expect(series, given, _wrongLength("series", 0, 16));
        series.bundles = new uint32[](17);
        _expect(series, given, _wrongLength("series", 17, 16));
    }

    /// @dev A round may leave a bundle closed; a proof shows all that it counts.
    function test_revertWhen_aBundleIsClosed() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        given.opened[1].leaves = new OpenedLeaf[](0);
        _expect(series, given, abi.encodeWithSelector(Openings.Openings_WrongLength.selector, 2, 0));
    }

    function test_revertWhen_leafMalformed() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        given.opened[1].leaves[3].tags[0] = 0;
        _expect(
            series,
            given,
            abi.encodeWithSelector(Openings.Openings_MalformedLeaf.selector, 2 * 16 + 3)
        );
    }

    function test_revertWhen_leafNotCommitted() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        given.opened[1].leaves[3].salt = "another";
        _expect(series, given, abi.encodeWithSelector(Openings.Openings_BadProof.selector, 2));
    }

    // ---- Receipts

    function test_revertWhen_tagUnsigned() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        (given.answers[31].r, given.answers[31].vs) = (0, 0);
        _expect(series, given, abi.encodeWithSelector(IProofs.Proofs_NotSigned.selector, 31));
    }

    /// @dev Half a signature is a bad one and not the lack of one.
    function test_revertWhen_halfOfASignatureIsGiven() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        bytes4 bad = IProofs.Proofs_BadReceiptSignature.selector;
        IProofs.ServedAnswer memory answer = given.answers[31];
        answer.tag = 0;
        (bytes32 r, bytes32 vs) = (answer.r, answer.vs);
        (answer.r, answer.vs) = (r, 0);
        vm.expectPartialRevert(bad);
        _prove(series, given);
        (answer.r, answer.vs) = (0, vs);
        vm.expectPartialRevert(bad);
        _prove(series, given);
    }

    function test_revertWhen_signedByAnother() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        _signAnswerBy(host.key, given, 4, _receiptOf(given, 4, series));
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector, host.addr, serving.addr
            )
        );
        (given.answers[4].r, given.answers[4].vs) = (0, bytes32(uint256(1)));
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector, address(0), serving.addr
            )
        );
    }

    /// @dev What no key signed recovers to 0, and would pass for a license whose key were 0.
    function test_revertWhen_nobodySigned() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        vm.mockCall(
            address(registry),
            abi.encodeCall(registry.servingKey, (licenseId, 0)),
            abi.encode(ServingKey(address(0), 0, type(uint40).max, false))
        );
        for (uint256 j; j < given.answers.length; ++j) {
            (given.answers[j].r, given.answers[j].vs) = (bytes32(uint256(1)), 0);
        }
        _expect(
            series, given, abi.encodeWithSelector(IProofs.Proofs_BadReceiptSignature.selector, 0, 0)
        );
    }

    function test_revertWhen_receiptOfSomethingElse() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        uint256 snapshot = vm.snapshotState();
        for (uint256 field; field < 8; ++field) {
            Receipt memory signed = _receiptOf(given, 3, series);
            bytes32 keyHash = given.opened[0].leaves[3].keyHash;
            if (field == 0) signed.channelId = "another channel";
            if (field == 1) signed.seq += 1;
            if (field == 2) signed.responseHash = keccak256("another text");
            if (field == 3) signed.requestHash = Receipts.requestHash(modelId, keyHash);
            if (field == 4) signed.requestHash = Receipts.plainRequestHash(modelId, "another key");
            if (field == 5) signed.licenseId = copyId;
            if (field == 6) signed.cumulativeRequests = FIRST + 4;
            if (field == 7) signed.keyEpoch = 1;
            Receipt memory expected = _receiptOf(given, 3, series);
            IProofs.ServedAnswer memory answer = given.answers[3];
            (bytes32 r, bytes32 vs) = (answer.r, answer.vs);
            _signAnswer(given, 3, signed);
            _expect(series, given, _badSignature(expected, answer));
            (answer.r, answer.vs) = (r, vs);
        }
        vm.revertToState(snapshot);
        _prove(series, given);
    }

    /// @dev The tag is signed with the text: another tag for the same text is another receipt.
    function test_revertWhen_tagOfAnotherAnswer() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        given.answers[3].tag = ~given.answers[3].tag;
        Receipt memory expected = _receiptOf(given, 3, series);
        _expect(series, given, _badSignature(expected, given.answers[3]));
    }

    function test_revertWhen_notInOrder() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        given.answers[5].seq = given.answers[4].seq;
        _signAnswer(given, 5, _receiptOf(given, 5, series));
        bytes4 reason = IProofs.Proofs_NotInOrder.selector;
        _expect(series, given, abi.encodeWithSelector(reason, 5));
        given.answers[4].keyEpoch = 1;
        vm.prank(host.addr);
        registry.rotateServingKey(ref(), serving.addr);
        _signAnswer(given, 4, _receiptOf(given, 4, series));
        _expect(series, given, abi.encodeWithSelector(reason, 5));
    }

    function test_revertWhen_keyRevokedTooLongAgo() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        vm.prank(host.addr);
        registry.revokeServingKey(ref(), 0);
        uint256 end = block.timestamp + 2 days + 7 days;
        vm.warp(end + 1);
        _expect(series, given, abi.encodeWithSelector(IProofs.Proofs_KeyRevoked.selector, 0, end));
    }

    function test_goesOnUnderTheNextKey() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        Account memory next = makeAccount("next serving key");
        vm.prank(host.addr);
        registry.rotateServingKey(ref(), next.addr);
        for (uint256 j = 20; j < 48; ++j) {
            (given.answers[j].keyEpoch, given.answers[j].seq) = (1, uint64(j));
            _signAnswerBy(next.key, given, j, _receiptOf(given, j, series));
        }
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, COLLATERAL * 4 / 10, "slashed");
    }

    function test_revertWhen_servedTooEarly() public {
        IProofs.Series memory series = _series();
        _commitReport(reporter, _claimOf(series));
        uint256 from = block.timestamp + 60;
        skip(59);
        Given memory given = _evidence(series, 0);
        skip(1);
        for (uint256 j; j < 47; ++j) {
            _answer(given, j, series, given.answers[j].tag);
        }
        _expect(
            series,
            given,
            abi.encodeWithSelector(IProofs.Proofs_ServedTooEarly.selector, from - 1, from)
        );
    }

    function test_revertWhen_claimedOtherwise() public {
        (IProofs.Series memory series,) = _ready();
        uint32 first = series.bundles[0];
        (series.bundles[0], series.bundles[1]) = (series.bundles[1], first);
        bytes memory reason = abi.encodeWithSelector(
            IProofs.Proofs_NotCommitted.selector,
            keccak256(abi.encode(reporter, _claimOf(series), SALT))
        );
        _expect(series, _evidence(series, 0), reason);
    }

    // ---- Evidence

    function test_revertWhen_notEnough() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _expect(
            series,
            _evidence(series, 8),
            abi.encodeWithSelector(
                IProofs.Proofs_NotEnough.selector, EValue.evidence(40, 48), _threshold(3)
            )
        );
    }

    function _expectBurned(uint32 first, uint32 second, uint32 third) private {
        IProofs.Series memory series = _series();
        (series.bundles[0], series.bundles[1]) = (first, second);
        series.bundles[2] = third;
        _reportSeries(series);
        _expect(
            series,
            _evidence(series, 0),
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundleBurned.selector, second)
        );
    }

    function test_revertWhen_bundleTwice() public {
        _expectBurned(3, 3, 4);
    }

    function test_revertWhen_bundleBurned() public {
        uint32[] memory bundles = new uint32[](1);
        bundles[0] = 6;
        vm.prank(address(rounds));
        registry.burn(victimModel, 0, bundles);
        _expectBurned(3, 6, 4);
    }

    /// @dev A shared fingerprint has no answer of a license: what it says is that of the model.
    function test_revertWhen_bundleShared() public {
        _expectBurned(3, 8, 4);
    }

    function test_revertWhen_punishedBefore() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        _prove(series, given);
        (series.bundles[0], series.bundles[1], series.bundles[2]) = (0, 1, 3);
        _reportSeries(series);
        _expect(
            series,
            _evidence(series, 0),
            abi.encodeWithSelector(
                IProofs.Proofs_AlreadyPunished.selector,
                keccak256(abi.encode(Violation.UnlicensedModel, licenseId, copyId))
            )
        );
    }

    // ---- Verdict

    function test_slashesEndsAndBurns() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        uint128 slashed = COLLATERAL * SLASH / 10_000;
        vm.expectEmit(address(proofs));
        emit IProofs.CopyShown(licenseId, copyId, 48, 48, EValue.evidence(48, 48), _threshold(3));
        vm.expectEmit(address(proofs));
        emit IProofs.ProofAccepted(
            Violation.UnlicensedModel, licenseId, reporter, slashed, slashed / 10, slashed * 4 / 10
        );
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, COLLATERAL - slashed, "collateral");
        assertEq(
            uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated), "ended"
        );
        assertEq(
            uint256(registry.license(copyId).status), uint256(LicenseStatus.Active), "the copy's"
        );
        assertEq(vault.payout(0).to, reporter, "first payout");
        assertEq(vault.payout(1).to, owner.addr, "second payout");
        for (uint32 b; b < 8; ++b) {
            bool shown = b == 2 || b == 5 || b == 7;
            assertEq(registry.burnedOn(victimModel, 0, b) != 0, shown, "burned");
        }
        assertEq(registry.universe(victimModel, 0).burnedBundles, 3, "count of burned");
        assertEq(
            proofs.reportCommittedAt(
                reporter, keccak256(abi.encode(reporter, _claimOf(series), SALT))
            ),
            0,
            "the report is used"
        );
    }

    function test_countsWhatIsNotAnsweredAsMissed() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        // The third key gets no answer, so all later answers are a request earlier.
        _unanswer(given, 2);
        for (uint256 j = 3; j < 48; ++j) {
            Receipt memory receipt = _receiptOf(given, j, series);
            receipt.cumulativeRequests -= 1;
            _signAnswer(given, j, receipt);
        }
        vm.expectEmit(address(proofs));
        emit IProofs.CopyShown(licenseId, copyId, 47, 48, EValue.evidence(47, 48), _threshold(3));
        _prove(series, given);
    }

    function test_convictsWithSevenMissesOf48() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _prove(series, _evidence(series, 7));
        assertEq(vault.collateral(ref()).amount, COLLATERAL * 4 / 10, "slashed");
    }

    function test_slashesAgainForAnotherCopy() public {
        (IProofs.Series memory series, Given memory given) = _ready();
        _prove(series, given);
        _copyFor(payer.addr);
        (series, given) = _ready();
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, COLLATERAL * 16 / 100, "six tenths, twice");
    }
}
