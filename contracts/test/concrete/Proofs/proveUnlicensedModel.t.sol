// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { Receipts } from "../../../src/libraries/Receipts.sol";
import {
    LicenseRef,
    LicenseStatus,
    Receipt,
    ServingKey,
    Terms,
    Violation
} from "../../../src/libraries/Types.sol";
import { CopyTest } from "../../utils/CopyTest.sol";

contract Proofs_proveUnlicensedModel is CopyTest {
    function _expect(
        IProofs.Series memory series,
        Given memory given,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        _prove(series, given);
    }

    /// @dev A series that convicts, up to the report and the answers.
    function _ready()
        private
        returns (IProofs.Series memory series, Given memory given)
    {
        series = _series();
        _reportSeries(series);
        given = _evidence(series, 0);
    }

    function _threshold(uint256 bundles) private pure returns (int64) {
        // 8 bundles to choose from: three bits each.
        return EValue.threshold(1e9, type(uint32).max, type(uint32).max)
            + int64(uint64(3 * bundles)) * (1 << 32);
    }

    function _evidenceOf(uint256 hits, uint256 misses) private view returns (int64) {
        (uint64 h, uint64 m) = (ref().terms.evidence.personalHit, ref().terms.evidence.personalMiss);
        return EValue.evidence(hits, misses, h, m);
    }

    function _badSignature(Receipt memory checked, bytes memory signature_)
        private
        view
        returns (bytes memory)
    {
        bytes32 r;
        bytes32 s;
        assembly ("memory-safe") {
            r := mload(add(signature_, 0x20))
            s := mload(add(signature_, 0x40))
        }
        uint8 v = uint8(signature_[64]);
        return abi.encodeWithSelector(
            IProofs.Proofs_BadReceiptSignature.selector,
            ecrecover(proofs.receiptDigest(checked), v, r, s),
            serving.addr
        );
    }

    // ---- Terms

    function test_revertWhen_levelNotAccepted() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        LicenseRef memory other = ref();
        other.terms.evidenceLevels = 4;
        vm.expectRevert(
            abi.encodeWithSelector(IProofs.Proofs_LevelNotAccepted.selector, 0)
        );
        vm.prank(reporter);
        proofs.proveUnlicensedModel(other, series, given, SALT);
    }

    function test_revertWhen_notAgreed() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        LicenseRef memory other = ref();
        other.terms.slash.unlicensedModelBps = 0;
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_NotAgreed.selector, Violation.UnlicensedModel
            )
        );
        vm.prank(reporter);
        proofs.proveUnlicensedModel(other, series, given, SALT);
    }

    function test_revertWhen_noReader() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        vm.etch(proofs.COPY_READER(), "");
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_NoReader.selector, proofs.COPY_READER()
            )
        );
    }

    // ---- Copy

    function _expectNotForeign(LicenseRef memory other) private {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        series.copy = other;
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_NotForeign.selector, registry.licenseIdOf(other)
            )
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
        bytes32 id = registry.acquire(other.terms, 6, serving.addr);
        _mineBeacon("seed");
        registry.drawLicenseSeed(id);
        _expectNotForeign(other);
    }

    function test_revertWhen_drawnBefore() public {
        // The same accused, once more, now after the copy.
        LicenseRef memory later = ref();
        later.nonce = 2;
        bytes32 laterId = _activeLicense(later);
        (IProofs.Series memory series, Given memory given) =
            _ready();
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_DrawnBefore.selector,
                registry.license(copyId).seedRound,
                registry.activationRound(laterId)
            )
        );
        vm.prank(reporter);
        proofs.proveUnlicensedModel(later, series, given, SALT);
    }

    function test_revertWhen_accusedNeverActive() public {
        LicenseRef memory later = ref();
        later.nonce = 2;
        (IProofs.Series memory series, Given memory given) =
            _ready();
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_DrawnBefore.selector,
                registry.license(copyId).seedRound,
                0
            )
        );
        vm.prank(reporter);
        proofs.proveUnlicensedModel(later, series, given, SALT);
    }

    /// @dev Both rounds the same: neither value was known when the artefact was accepted.
    function test_acceptsACopyOfTheSameRound() public {
        // A copy whose purchase comes in the block of an activation has the activation's round.
        LicenseRef memory second = ref();
        second.nonce = 2;
        vm.prank(host.addr);
        bytes32 secondId = registry.acquire(second.terms, 2, serving.addr);
        _mineBeacon("second");
        registry.drawLicenseSeed(secondId);
        vm.prank(host.addr);
        registry.activate(second, "artefact");
        _copyFor(payer.addr);
        assertEq(
            registry.license(copyId).seedRound, registry.activationRound(secondId), "same round"
        );
        licenseId = secondId;
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        vm.prank(reporter);
        proofs.proveUnlicensedModel(second, series, given, SALT);
        assertEq(vault.collateral(second).amount, COLLATERAL * 4 / 10, "slashed");
    }

    // ---- Leaves

    function test_revertWhen_lengthsWrong() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        IProofs.ServedAnswer[] memory answers = given.answers;
        given.answers = new IProofs.ServedAnswer[](31);
        _expect(series, given, _wrongLength(31, 32));
        given.answers = answers;
        series.bundles = new uint32[](0);
        _expect(series, given, _wrongLength(32, 0));
        given.answers = new IProofs.ServedAnswer[](0);
        _expect(series, given, _wrongLength(0, 0));
        series.bundles = new uint32[](17);
        given.answers = new IProofs.ServedAnswer[](272);
        _expect(series, given, _wrongLength(272, 272));
    }

    function _wrongLength(uint256 got, uint256 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IProofs.Proofs_WrongLength.selector, bytes32("answers"), got, expected
        );
    }

    function test_revertWhen_answerAtAnotherPlace() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        given.bundles[0].leaves[0].position = 1;
        given.bundles[0].leaves[1].position = 0;
        _expect(
            series,
            given,
            abi.encodeWithSelector(IProofs.Proofs_BadPosition.selector, 0, 1)
        );
    }

    function test_revertWhen_leafNotCommitted() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        given.bundles[1].leaves[3].salt = "another";
        _expect(
            series,
            given,
            abi.encodeWithSelector(IProofs.Proofs_BadProof.selector, 2)
        );
    }

    // ---- Receipts

    function test_revertWhen_textUnsigned() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        given.answers[31].signature = "";
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_WrongLength.selector,
                bytes32("text"),
                given.answers[31].text.length,
                0
            )
        );
    }

    function test_revertWhen_signedByAnother() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        Receipt memory receipt = _receiptOf(given, 4, series);
        given.answers[4].signature = signature(host.key, proofs.receiptDigest(receipt));
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector,
                host.addr,
                serving.addr
            )
        );
        given.answers[4].signature = new bytes(65);
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector,
                address(0),
                serving.addr
            )
        );
    }

    function test_revertWhen_positionsOfTheSecondBundleAreSwapped() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        given.bundles[1].leaves[0].position = 17;
        given.bundles[1].leaves[1].position = 16;
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_BadPosition.selector, 16, uint16(17)
            )
        );
    }

    /// @dev What no key signed recovers to 0, and would pass for a license whose key were 0.
    function test_revertWhen_nobodySigned() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        vm.mockCall(
            address(registry),
            abi.encodeCall(registry.servingKey, (licenseId, 0)),
            abi.encode(ServingKey(address(0), 0, type(uint40).max, false))
        );
        for (uint256 j; j < given.answers.length; ++j) {
            given.answers[j].signature = new bytes(65);
        }
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector, 0, 0
            )
        );
    }

    function test_revertWhen_receiptOfSomethingElse() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        uint256 snapshot = vm.snapshotState();
        for (uint256 field; field < 8; ++field) {
            Receipt memory signed = _receiptOf(given, 3, series);
            bytes32 keyHash = given.bundles[0].leaves[3].keyHash;
            if (field == 0) signed.channelId = "another channel";
            if (field == 1) signed.seq += 1;
            if (field == 2) signed.responseHash = keccak256("another text");
            if (field == 3) signed.requestHash = Receipts.requestHash(modelId, keyHash);
            if (field == 4) signed.requestHash = Receipts.plainRequestHash(modelId, "another key");
            if (field == 5) signed.licenseId = copyId;
            if (field == 6) signed.cumulativeRequests = FIRST + 4;
            if (field == 7) signed.keyEpoch = 1;
            Receipt memory expected = _receiptOf(given, 3, series);
            bytes memory before = given.answers[3].signature;
            given.answers[3].signature = _sign(signed);
            _expect(series, given, _badSignature(expected, given.answers[3].signature));
            given.answers[3].signature = before;
        }
        vm.revertToState(snapshot);
        _prove(series, given);
    }

    function test_revertWhen_notInOrder() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        given.answers[5].seq = given.answers[4].seq;
        given.answers[5].signature = _sign(_receiptOf(given, 5, series));
        bytes4 reason = IProofs.Proofs_NotInOrder.selector;
        _expect(series, given, abi.encodeWithSelector(reason, 5));
        given.answers[4].keyEpoch = 1;
        vm.prank(host.addr);
        registry.rotateServingKey(ref(), serving.addr);
        given.answers[4].signature = _sign(_receiptOf(given, 4, series));
        _expect(series, given, abi.encodeWithSelector(reason, 5));
    }

    function test_revertWhen_keyRevokedTooLongAgo() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        vm.prank(host.addr);
        registry.revokeServingKey(ref(), 0);
        uint256 end = block.timestamp + 2 days + 7 days;
        vm.warp(end + 1);
        _expect(
            series,
            given,
            abi.encodeWithSelector(IProofs.Proofs_KeyRevoked.selector, 0, end)
        );
    }

    function test_goesOnUnderTheNextKey() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        Account memory next = makeAccount("next serving key");
        vm.prank(host.addr);
        registry.rotateServingKey(ref(), next.addr);
        for (uint256 j = 20; j < 32; ++j) {
            (given.answers[j].keyEpoch, given.answers[j].seq) = (1, uint64(j));
            bytes32 digest = proofs.receiptDigest(_receiptOf(given, j, series));
            given.answers[j].signature = signature(next.key, digest);
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
        for (uint256 j; j < 31; ++j) {
            string memory text = string(given.answers[j].text);
            _answer(given, j, series, text);
        }
        _expect(
            series,
            given,
            abi.encodeWithSelector(
                IProofs.Proofs_ServedTooEarly.selector, from - 1, from
            )
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
            _evidence(series, 4),
            abi.encodeWithSelector(
                IProofs.Proofs_NotEnough.selector,
                _evidenceOf(28, 4),
                _threshold(2)
            )
        );
    }

    function _expectBurned(uint32 first, uint32 second) private {
        IProofs.Series memory series = _series();
        (series.bundles[0], series.bundles[1]) = (first, second);
        _reportSeries(series);
        _expect(
            series,
            _evidence(series, 0),
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundleBurned.selector, second)
        );
    }

    function test_revertWhen_bundleTwice() public {
        _expectBurned(3, 3);
    }

    function test_revertWhen_bundleBurned() public {
        vm.prank(address(proofs));
        registry.burnBundles(victimModel, 0, "seed", 1, 0);
        for (uint32 b; b < 8; ++b) {
            if (registry.isBurned(victimModel, 0, b)) _expectBurned((b + 1) % 8, b);
        }
    }

    /// @dev A shared fingerprint has no answer of a license: what it says is that of the model.
    function test_revertWhen_bundleShared() public {
        _mineBeacon("universe");
        registry.drawUniverseSeed(victimModel, 0);
        IProofs.Series memory series = _series();
        series.bundles = new uint32[](4);
        for (uint32 k; k < 3; ++k) {
            series.bundles[k] = k;
        }
        series.bundles[3] = 8;
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        bytes32 seed = registry.universe(victimModel, 0).seed;
        bytes32 root = words.root();
        for (uint256 l; l < 16; ++l) {
            uint32 index = 128 + uint32(l);
            uint256 drawn = _sharedCandidate(seed, root, index);
            _answer(given, 48 + l, series, string.concat(words.word(index, drawn), "."));
        }
        _expect(
            series,
            given,
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundleBurned.selector, 8)
        );
    }

    function _sharedCandidate(bytes32 seed, bytes32 root, uint32 index)
        private
        view
        returns (uint256)
    {
        return uint256(keccak256(abi.encodePacked(seed, root, words.salt(index), index))) % 16;
    }

    function test_revertWhen_punishedBefore() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        _prove(series, given);
        (series.bundles[0], series.bundles[1]) = (0, 1);
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
        (IProofs.Series memory series, Given memory given) =
            _ready();
        uint128 slashed = COLLATERAL * SLASH / 10_000;
        vm.expectEmit(address(proofs));
        emit IProofs.CopyShown(licenseId, copyId, 32, 32, _evidenceOf(32, 0), _threshold(2));
        vm.expectEmit(address(proofs));
        emit IProofs.ProofAccepted(
            Violation.UnlicensedModel,
            licenseId,
            reporter,
            0,
            slashed,
            slashed * 3 / 10,
            slashed * 4 / 10
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
            assertEq(registry.isBurned(victimModel, 0, b), b == 2 || b == 5, "burned");
        }
        assertEq(registry.universe(victimModel, 0).burnedBundles, 2, "count of burned");
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
        given.answers[2].signature = "";
        given.answers[2].text = "";
        for (uint256 j = 3; j < 32; ++j) {
            Receipt memory receipt = _receiptOf(given, j, series);
            receipt.cumulativeRequests -= 1;
            given.answers[j].signature = _sign(receipt);
        }
        vm.expectEmit(address(proofs));
        emit IProofs.CopyShown(licenseId, copyId, 31, 32, _evidenceOf(31, 1), _threshold(2));
        _prove(series, given);
    }

    function test_convictsWithThreeMissesOf32() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _prove(series, _evidence(series, 3));
        assertEq(vault.collateral(ref()).amount, COLLATERAL * 4 / 10, "slashed");
    }

    function test_slashesAgainForAnotherCopy() public {
        (IProofs.Series memory series, Given memory given) =
            _ready();
        _prove(series, given);
        _copyFor(payer.addr);
        (series, given) = _ready();
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, COLLATERAL * 16 / 100, "six tenths, twice");
    }
}
