// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import {
    BURN,
    LicenseRef,
    LicenseStatus,
    Receipt,
    Terms,
    Violation
} from "../../../src/libraries/Types.sol";
import { ProofTest } from "../../utils/ProofTest.sol";
import { SampleCopy } from "../../utils/SampleCopy.sol";

contract Proofs_proveEquivocation is ProofTest {
    function _pair() private view returns (Receipt memory a, Receipt memory b) {
        a = _receipt(7);
        b = _receipt(7);
        b.responseHash = keccak256("another response");
    }

    function _prove(Receipt memory a, Receipt memory b) private {
        _prove(ref(), a, _sign(a), b, _sign(b));
    }

    function _prove(
        LicenseRef memory ref_,
        Receipt memory a,
        bytes memory signatureA,
        Receipt memory b,
        bytes memory signatureB
    ) private {
        vm.prank(reporter);
        proofs.proveEquivocation(ref_, a, signatureA, b, signatureB, SALT);
    }

    /// @dev Commits to a proof that starts with `a`, and expects the call to revert with `reason`.
    function _expect(Receipt memory a, bytes memory reason) private {
        _reportProof(reporter, Violation.Equivocation, a);
        vm.expectRevert(reason);
    }

    function _otherOffer(uint8 levels) private returns (LicenseRef memory ref_) {
        Terms memory terms = _terms();
        terms.evidenceLevels = levels;
        terms.duration = 91 days;
        vm.prank(owner.addr);
        registry.publishOffer(terms);
        ref_ = LicenseRef(terms, host.addr, 2);
    }

    function test_revertWhen_levelNotAccepted() public {
        LicenseRef memory ref_ = _otherOffer(4);
        licenseId = _activeLicense(ref_);
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _expect(a, abi.encodeWithSelector(IProofs.Proofs_LevelNotAccepted.selector, 0));
        _prove(ref_, a, signatureA, b, signatureB);
    }

    function test_revertWhen_neverActive() public {
        LicenseRef memory ref_ = _otherOffer(5);
        vm.prank(host.addr);
        licenseId = registry.acquire(ref_.terms, 2, serving.addr, SampleCopy.ENCRYPTION_KEY);
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _expect(
            a,
            abi.encodeWithSelector(
                IProofs.Proofs_LicenseNotLiable.selector, licenseId, LicenseStatus.Acquired
            )
        );
        _prove(ref_, a, signatureA, b, signatureB);
    }

    function test_revertWhen_receiptOfAnotherLicense() public {
        (Receipt memory a, Receipt memory b) = _pair();
        b.licenseId = keccak256("another license");
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _expect(
            a, abi.encodeWithSelector(IProofs.Proofs_WrongLicense.selector, licenseId, b.licenseId)
        );
        _prove(ref(), a, signatureA, b, signatureB);
    }

    function test_revertWhen_signedByAnotherKey() public {
        (Receipt memory a, Receipt memory b) = _pair();
        bytes memory forged = signature(owner.key, proofs.receiptDigest(b));
        bytes memory signatureA = _sign(a);
        _expect(
            a,
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector, owner.addr, serving.addr
            )
        );
        _prove(ref(), a, signatureA, b, forged);
    }

    function test_revertWhen_signatureIsGarbage() public {
        (Receipt memory a, Receipt memory b) = _pair();
        bytes memory signatureB = _sign(b);
        _expect(
            a,
            abi.encodeWithSelector(
                IProofs.Proofs_BadReceiptSignature.selector, address(0), serving.addr
            )
        );
        _prove(ref(), a, "garbage", b, signatureB);
    }

    function test_revertWhen_differentChannels() public {
        (Receipt memory a, Receipt memory b) = _pair();
        b.channelId = keccak256("another channel");
        _expectNoEquivocation(a, b);
    }

    function test_revertWhen_differentNumbers() public {
        (Receipt memory a, Receipt memory b) = _pair();
        b.seq = 8;
        _expectNoEquivocation(a, b);
    }

    function test_revertWhen_differentEpochs() public {
        vm.prank(host.addr);
        registry.rotateServingKey(ref(), serving.addr);
        (Receipt memory a, Receipt memory b) = _pair();
        b.keyEpoch = 1;
        _expectNoEquivocation(a, b);
    }

    function test_revertWhen_keyRevokedTooLongAgo() public {
        vm.prank(host.addr);
        registry.revokeServingKey(ref(), 0);
        uint256 end = block.timestamp + 2 days + 7 days;
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _reportProof(reporter, Violation.Equivocation, a);
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(IProofs.Proofs_KeyRevoked.selector, 0, end));
        _prove(ref(), a, signatureA, b, signatureB);
    }

    function test_acceptsReceiptsOfARetiredKey() public {
        (Receipt memory a, Receipt memory b) = _pair();
        vm.prank(host.addr);
        registry.rotateServingKey(ref(), owner.addr);
        _reportProof(reporter, Violation.Equivocation, a);
        _prove(a, b);
        assertEq(vault.collateral(ref()).amount, 0, "collateral");
    }

    function test_revertWhen_same() public {
        (Receipt memory a,) = _pair();
        _expectNoEquivocation(a, a);
    }

    function _expectNoEquivocation(Receipt memory a, Receipt memory b) private {
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _expect(a, abi.encodeWithSelector(IProofs.Proofs_NoEquivocation.selector));
        _prove(ref(), a, signatureA, b, signatureB);
    }

    function test_revertWhen_notCommitted() public {
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        // The commitment of another reporter is of no use.
        _reportProof(stranger, Violation.Equivocation, a);
        bytes32 claimHash =
            keccak256(abi.encode(Violation.Equivocation, licenseId, proofs.receiptDigest(a)));
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_NotCommitted.selector,
                keccak256(abi.encode(reporter, claimHash, SALT))
            )
        );
        _prove(ref(), a, signatureA, b, signatureB);
    }

    function test_revertWhen_tooEarly() public {
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        uint256 start = block.timestamp;
        _reportProof(reporter, Violation.Equivocation, a);
        vm.warp(start + 59);
        vm.expectRevert(
            abi.encodeWithSelector(IProofs.Proofs_TooEarly.selector, uint40(start + 60))
        );
        _prove(ref(), a, signatureA, b, signatureB);
    }

    function test_revertWhen_punishedBefore() public {
        (Receipt memory a, Receipt memory b) = _pair();
        _reportProof(reporter, Violation.Equivocation, a);
        _prove(a, b);
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _expect(
            b,
            abi.encodeWithSelector(
                IProofs.Proofs_AlreadyPunished.selector,
                keccak256(
                    abi.encode(
                        Violation.Equivocation,
                        licenseId,
                        keccak256(abi.encode(CHANNEL, uint32(0), uint64(7)))
                    )
                )
            )
        );
        _prove(ref(), b, signatureB, a, signatureA);
    }

    function test_slashesAndTerminates() public {
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _reportProof(reporter, Violation.Equivocation, a);
        vm.expectEmit(address(proofs));
        emit IProofs.ProofAccepted(
            Violation.Equivocation, licenseId, reporter, 100 ether, 10 ether, 40 ether
        );
        _prove(ref(), a, signatureA, b, signatureB);

        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
        assertEq(registry.license(licenseId).deadline, block.timestamp, "ends now");
        assertEq(vault.collateral(ref()).amount, 0, "collateral");
        bytes32 claimHash =
            keccak256(abi.encode(Violation.Equivocation, licenseId, proofs.receiptDigest(a)));
        assertEq(
            proofs.reportCommittedAt(reporter, keccak256(abi.encode(reporter, claimHash, SALT))),
            0,
            "used up"
        );
    }

    /// @dev A tenth at most, whatever the terms give to reporters; the rest of it is burned.
    function test_paysTheReporterATenth() public {
        (Receipt memory a, Receipt memory b) = _pair();
        _reportProof(reporter, Violation.Equivocation, a);
        _prove(a, b);
        assertEq(ref().terms.slash.reporterBps, 3000, "three tenths in the terms");
        assertEq(vault.payout(0).to, reporter, "reporter");
        assertEq(vault.payout(0).amount, 10 ether, "reporter's part");
        assertEq(vault.payout(1).to, owner.addr, "owner");
        assertEq(vault.payout(1).amount, 40 ether, "owner's part");
        assertEq(token.balanceOf(BURN), 50 ether, "burned");
        assertEq(vault.payout(0).unlockAt, block.timestamp + PAYOUT_DELAY, "unlocks");
    }

    function test_paysTheReporterLessWhereTheTermsSaySo() public {
        Terms memory terms = _terms();
        terms.slash.reporterBps = 999;
        vm.prank(owner.addr);
        registry.publishOffer(terms);
        LicenseRef memory ref_ = LicenseRef(terms, host.addr, 2);
        licenseId = _activeLicense(ref_);
        (Receipt memory a, Receipt memory b) = _pair();
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        _reportProof(reporter, Violation.Equivocation, a);
        _prove(ref_, a, signatureA, b, signatureB);
        assertEq(vault.payout(0).amount, 9.99 ether, "reporter's part");
    }

    function test_acceptsAnotherNumberAfterTheEnd() public {
        (Receipt memory a, Receipt memory b) = _pair();
        _reportProof(reporter, Violation.Equivocation, a);
        _prove(a, b);
        uint40 end = registry.license(licenseId).deadline;
        vm.prank(host.addr);
        vault.topUp(ref(), 10 ether);

        (a.seq, b.seq) = (8, 8);
        _reportProof(reporter, Violation.Equivocation, a);
        _prove(a, b);
        assertEq(vault.collateral(ref()).amount, 0, "collateral");
        assertEq(registry.license(licenseId).deadline, end, "keeps its end");
    }
}
