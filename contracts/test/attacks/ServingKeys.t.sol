// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../src/interfaces/IProofs.sol";
import { LicenseRef, LicenseStatus, Receipt, Violation } from "../../src/libraries/Types.sol";
import { ContractSigner } from "../utils/ContractSigner.sol";
import { CopyTest } from "../utils/CopyTest.sol";

/// @title Ways to get rid of evidence by rotating and revoking serving keys, or to make some, each
/// tried
contract ServingKeyAttacks is CopyTest {
    Account private _next;

    function setUp() public override {
        super.setUp();
        _next = makeAccount("next serving key");
    }

    function _rotate(address to) private returns (uint32) {
        vm.prank(host.addr);
        return registry.rotateServingKey(ref(), to);
    }

    function _revoke(uint32 epoch) private {
        vm.prank(host.addr);
        registry.revokeServingKey(ref(), epoch);
    }

    function _signBy(uint256 key, Receipt memory receipt) private view returns (bytes memory) {
        return signature(key, proofs.receiptDigest(receipt));
    }

    /// @dev Two receipts of one number by the key of epoch 0.
    function _pair() private view returns (Receipt memory a, Receipt memory b) {
        a = _receipt(7);
        b = _receipt(7);
        b.responseHash = keccak256("another response");
    }

    function _proveEquivocation(Receipt memory a, Receipt memory b) private {
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
    }

    function _assertSlashed(uint256 left) private view {
        assertEq(vault.collateral(ref()).amount, left, "collateral");
        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
    }

    function _assertWhole() private view {
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
    }

    // ---- The host wants to be rid of a proof

    /// @dev It sees the report, or the evidence itself, and rotates at once.
    function test_hostRotatesAwayFromAProof() public {
        (Receipt memory a, Receipt memory b) = _pair();
        _reportProof(reporter, Violation.Equivocation, a);
        _rotate(_next.addr);
        skip(300 days);
        _proveEquivocation(a, b);
        _assertSlashed(0);
    }

    /// @dev It revokes as soon as the evidence is out, though nothing was stolen.
    function test_hostRevokesAfterTheEvidenceIsOut() public {
        (Receipt memory a, Receipt memory b) = _pair();
        _revoke(0);
        skip(uint256(ref().terms.settlementPeriod) + 7 days - 60);
        _reportProof(reporter, Violation.Equivocation, a);
        _proveEquivocation(a, b);
        _assertSlashed(0);
    }

    /// @dev It revokes at the very moment of the last receipt: that one is due before proofs lapse.
    function test_hostRevokesBeforeUnderMeteringIsDue() public {
        Receipt memory receipt = _receipt(3);
        _revoke(0);
        skip(uint256(ref().terms.settlementPeriod) + 7 days - 60);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
        _assertSlashed(COLLATERAL / 2);
    }

    /// @dev It dates its receipts weeks ahead, and revokes before they would be due.
    function test_hostDatesAheadAndRevokes() public {
        Receipt memory receipt = _receipt(3);
        receipt.servedAt = uint64(block.timestamp + 30 days);
        skip(1 days);
        _revoke(0);
        uint256 due = block.timestamp + ref().terms.settlementPeriod;
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.warp(due);
        vm.expectPartialRevert(IProofs.Proofs_NoUnderMetering.selector);
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
        vm.warp(due + 1);
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
        _assertSlashed(COLLATERAL / 2);
    }

    /// @dev It serves on after the term with a new key, and dates everything back into the term.
    function test_hostDatesBackWithAKeyNamedAfterTheTerm() public {
        vm.prank(host.addr);
        registry.terminate(ref());
        skip(1 days);
        uint32 epoch = _rotate(_next.addr);
        Receipt memory receipt = _receipt(1);
        receipt.keyEpoch = epoch;
        receipt.servedAt = uint64(block.timestamp - 30 days);
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        bytes memory signature_ = _signBy(_next.key, receipt);
        vm.prank(reporter);
        proofs.proveOutOfTerm(ref(), receipt, signature_, SALT);
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
    }

    /// @dev A second revocation does not begin the time of a first one anew, nor end it.
    function test_hostCannotRevokeTwice() public {
        _revoke(0);
        skip(1 days);
        vm.expectRevert();
        _revoke(0);
        assertEq(registry.servingKey(licenseId, 0).until, block.timestamp - 1 days, "until");
    }

    /// @dev It rotates its key with every few answers, so that no series would be of one epoch.
    function test_hostRotatesOutOfASeries() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        Account memory key = serving;
        for (uint256 j; j < 48; ++j) {
            if (j != 0 && j % 4 == 0) {
                key = makeAccount(string.concat("key ", vm.toString(j)));
                _rotate(key.addr);
            }
            given.answers[j].keyEpoch = uint32(j / 4);
            given.answers[j].seq = uint64(j % 4);
            _signAnswerBy(key.key, given, j, _receiptOf(given, j, series));
        }
        _prove(series, given);
        _assertSlashed(COLLATERAL * 4 / 10);
    }

    /// @dev It dates the answers of a series back, before the report: a key named since then can't
    /// have signed them earlier.
    function test_hostDatesASeriesBack() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _rotate(_next.addr);
        Given memory given = _evidence(series, 0);
        for (uint256 j; j < 48; ++j) {
            given.answers[j].keyEpoch = 1;
            given.answers[j].servedAt = uint64(block.timestamp - 30 days);
            _signAnswerBy(_next.key, given, j, _receiptOf(given, j, series));
        }
        _prove(series, given);
        _assertSlashed(COLLATERAL * 4 / 10);
    }

    /// @dev The other way round: what the old key signed before the report still does not count.
    function test_answersByTheKeyBeforeTheReport() public {
        IProofs.Series memory series = _series();
        Given memory given = _evidence(series, 0);
        _reportSeries(series);
        _rotate(_next.addr);
        vm.expectPartialRevert(IProofs.Proofs_ServedTooEarly.selector);
        _prove(series, given);
        _assertWhole();
    }

    // ---- Somebody wants a proof against an honest host

    /// @dev A host that restored a backup gave a number once more, after it had rotated.
    function test_sameNumberUnderTwoKeysIsNoEquivocation() public {
        _rotate(_next.addr);
        (Receipt memory a, Receipt memory b) = _pair();
        b.keyEpoch = 1;
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _signBy(_next.key, b));
        _reportProof(reporter, Violation.Equivocation, a);
        vm.expectPartialRevert(IProofs.Proofs_BadReceiptSignature.selector);
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        _assertWhole();
    }

    /// @dev The same, and the host named the same account again.
    function test_sameNumberInTwoEpochsOfOneAccountIsNoEquivocation() public {
        _rotate(serving.addr);
        (Receipt memory a, Receipt memory b) = _pair();
        b.keyEpoch = 1;
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _reportProof(reporter, Violation.Equivocation, a);
        vm.expectRevert(IProofs.Proofs_NoEquivocation.selector);
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        _assertWhole();
    }

    /// @dev A key of one epoch signs for another.
    function test_retiredKeySignsForTheNextEpoch() public {
        _rotate(_next.addr);
        Receipt memory receipt = _receipt(3);
        receipt.keyEpoch = 1;
        skip(10 days);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.expectPartialRevert(IProofs.Proofs_BadReceiptSignature.selector);
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
        _assertWhole();
    }

    /// @dev Whoever signs for an epoch that is not there yet: no key, not even none.
    function test_epochThatIsNotThere() public {
        Receipt memory receipt = _receipt(3);
        receipt.keyEpoch = type(uint32).max;
        skip(10 days);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes[2] memory signatures = [_sign(receipt), new bytes(65)];
        for (uint256 i; i < 2; ++i) {
            vm.expectPartialRevert(IProofs.Proofs_BadReceiptSignature.selector);
            vm.prank(reporter);
            proofs.proveUnderMetering(ref(), receipt, signatures[i], SALT);
        }
        _assertWhole();
    }

    /// @dev A thief signs and dates as it likes; after its time nothing counts, for all kinds.
    function test_thiefComesTooLate() public {
        (Receipt memory a, Receipt memory b) = _pair();
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        _revoke(0);
        _rotate(_next.addr);
        skip(uint256(ref().terms.settlementPeriod) + 7 days - 120);
        _reportProof(reporter, Violation.Equivocation, a);
        _reportProof(reporter, Violation.UnderMetering, a);
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        skip(1);

        bytes4 revoked = IProofs.Proofs_KeyRevoked.selector;
        vm.startPrank(reporter);
        vm.expectPartialRevert(revoked);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        vm.expectPartialRevert(revoked);
        proofs.proveUnderMetering(ref(), a, signatureA, SALT);
        vm.expectPartialRevert(revoked);
        proofs.proveOutOfTerm(ref(), a, signatureA, SALT);
        vm.stopPrank();
        vm.expectPartialRevert(revoked);
        _prove(series, given);
        _assertWhole();
    }

    /// @dev What was signed by the new key is not touched by the old one's revocation.
    function test_revocationOfOneKeyDoesNotCoverAnother() public {
        _rotate(_next.addr);
        (Receipt memory a, Receipt memory b) = _pair();
        (a.keyEpoch, b.keyEpoch) = (1, 1);
        _revoke(0);
        skip(100 days);
        _reportProof(reporter, Violation.Equivocation, a);
        (bytes memory signatureA, bytes memory signatureB) =
            (_signBy(_next.key, a), _signBy(_next.key, b));
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        _assertSlashed(0);
    }

    /// @dev A host with one key for two licenses: a receipt names its license.
    function test_oneKeyForTwoLicenses() public {
        LicenseRef memory second = ref();
        second.nonce = 2;
        bytes32 secondId = _activeLicense(second);
        (Receipt memory a, Receipt memory b) = _pair();
        b.licenseId = secondId;
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _reportProof(reporter, Violation.Equivocation, a);
        vm.expectPartialRevert(IProofs.Proofs_WrongLicense.selector);
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        _assertWhole();
    }

    /// @dev A contract as serving key says yes to everything: its word counts for nobody, nor
    /// does a signature that it would accept.
    function test_contractAsServingKey() public {
        ContractSigner wallet = new ContractSigner(ContractSigner.Answer.Accept);
        uint32 epoch = _rotate(address(wallet));
        Receipt memory receipt = _receipt(3);
        receipt.keyEpoch = epoch;
        skip(10 days);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _signBy(_next.key, receipt);
        vm.expectPartialRevert(IProofs.Proofs_BadReceiptSignature.selector);
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
        _assertWhole();
    }

    /// @dev The serving key's account delegates to code (EIP-7702) after it has signed: what the
    /// key has signed stands.
    function test_keyThatDelegatesToCode() public {
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _reportProof(reporter, Violation.Equivocation, a);
        vm.etch(serving.addr, abi.encodePacked(hex"ef0100", address(this)));
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        _assertSlashed(0);
    }

    /// @dev A ledger that was set back answers some requests twice. Of two receipts for one request
    /// the reporter would take the better one each time.
    function test_reporterPicksTheBetterOfTwoAnswers() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        // Key 3 is answered in the epoch before that of key 2, or with an earlier number.
        _rotate(_next.addr);
        given.answers[2].keyEpoch = 1;
        _signAnswerBy(_next.key, given, 2, _receiptOf(given, 2, series));
        bytes4 reason = IProofs.Proofs_NotInOrder.selector;
        vm.expectRevert(abi.encodeWithSelector(reason, 3));
        _prove(series, given);

        given.answers[2].keyEpoch = 0;
        given.answers[2].seq = given.answers[3].seq;
        _signAnswer(given, 2, _receiptOf(given, 2, series));
        vm.expectRevert(abi.encodeWithSelector(reason, 3));
        _prove(series, given);
        _assertWhole();
    }
}
