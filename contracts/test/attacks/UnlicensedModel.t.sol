// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../src/interfaces/IProofs.sol";
import { Openings } from "../../src/libraries/Openings.sol";
import { Receipts } from "../../src/libraries/Receipts.sol";
import { LicenseRef, Receipt } from "../../src/libraries/Types.sol";
import { CopyTest } from "../utils/CopyTest.sol";

/// @title Ways to have a host convicted of serving a copy that it does not have, each tried
contract UnlicensedModelAttacks is CopyTest {
    function _expectFailure(IProofs.Series memory series, Given memory given, bytes4 reason)
        private
    {
        vm.expectPartialRevert(reason);
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
    }

    /// @dev What a model says that has nothing to do with the copy: always the first candidate, by
    /// which it can be as near to the candidates as it likes.
    function _innocent(IProofs.Series memory series) private view returns (Given memory given) {
        given = _evidence(series, 0);
        for (uint256 j; j < given.answers.length; ++j) {
            uint32 index = _indexOf(series, j);
            _answer(given, j, series, victimTree.tag(index, 0));
        }
    }

    function test_ownerCommitsWhatTheHostAnswers() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _expectFailure(series, _innocent(series), IProofs.Proofs_NotEnough.selector);
    }

    /// @dev The owner has the answers and writes leaves around them.
    function test_ownerCraftsLeavesAfterTheAnswers() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _innocent(series);
        for (uint256 j; j < 48; ++j) {
            uint32 index = _indexOf(series, j);
            // Any salt draws a candidate; this one draws the host's answer.
            bytes32 salt;
            while (_draws(index, salt) != 0) salt = bytes32(uint256(salt) + 1);
            given.opened[j / 16].leaves[j % 16].salt = salt;
        }
        _expectFailure(series, given, Openings.Openings_BadProof.selector);
    }

    function _draws(uint32 index, bytes32 salt) private view returns (uint256) {
        bytes32 seed = registry.license(copyId).seed;
        return uint256(keccak256(abi.encodePacked(seed, victimTree.root(), salt, index))) % 16;
    }

    /// @dev Keys whose answer does not fit are said not to have been answered.
    function test_reporterLeavesOutWhatDoesNotFit() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        uint64 request = series.firstRequest;
        for (uint256 j; j < 48; ++j) {
            if (j % 2 == 0) {
                _unanswer(given, j);
                continue;
            }
            Receipt memory receipt = _receiptOf(given, j, series);
            receipt.cumulativeRequests = request++;
            _signAnswer(given, j, receipt);
        }
        _expectFailure(series, given, IProofs.Proofs_NotEnough.selector);
    }

    /// @dev An answer that fits is used for two keys, or again for the next one.
    function test_sameReceiptTwice() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        given.answers[1] = given.answers[0];
        _expectFailure(series, given, IProofs.Proofs_NotInOrder.selector);
        given.answers[1].seq += 1;
        _expectFailure(series, given, IProofs.Proofs_BadReceiptSignature.selector);
    }

    /// @dev The host answers something else the second time; the reporter keeps the first series.
    function test_answersFromBeforeTheReport() public {
        IProofs.Series memory series = _series();
        Given memory given = _evidence(series, 0);
        _reportSeries(series);
        _expectFailure(series, given, IProofs.Proofs_ServedTooEarly.selector);
    }

    /// @dev Among many answers the reporter looks for bundles, a channel or a number from which
    /// they fit.
    function test_reporterChoosesAfterTheAnswers() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        IProofs.Series memory other = _series();
        other.firstRequest = FIRST + 48;
        _expectFailure(other, _evidence(other, 0), IProofs.Proofs_NotCommitted.selector);
        other = _series();
        other.channelId = "better channel";
        _expectFailure(other, _evidence(other, 0), IProofs.Proofs_NotCommitted.selector);
        other = _series();
        other.bundles[0] = 6;
        _expectFailure(other, _evidence(other, 0), IProofs.Proofs_NotCommitted.selector);
    }

    /// @dev The owner knows the copy's answers and asks for them: by a list of allowed answers, a
    /// bias, a temperature. The host signs that as a request that is not plain.
    function test_askerHasASayInTheAnswer() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        for (uint256 j; j < 48; ++j) {
            Receipt memory receipt = _receiptOf(given, j, series);
            bytes32 keyHash = given.opened[j / 16].leaves[j % 16].keyHash;
            receipt.requestHash = Receipts.requestHash(modelId, keyHash);
            _signAnswer(given, j, receipt);
        }
        _expectFailure(series, given, IProofs.Proofs_BadReceiptSignature.selector);
    }

    /// @dev The accused's own licensor delivers what it sells to carry another model's copy, whose
    /// owner it is too.
    function test_licensorPlantsTheCopy() public {
        LicenseRef memory later = ref();
        later.nonce = 2;
        licenseId = _activeLicense(later);
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        vm.expectPartialRevert(IProofs.Proofs_DrawnBefore.selector);
        vm.prank(reporter);
        proofs.proveUnlicensedModel(later, series, given.opened, given.answers, SALT);
    }

    /// @dev A host that has a license of the other model too, and serves its own copy, is not
    /// another one's.
    function test_hostWithACopyOfItsOwn() public {
        LicenseRef memory own = copy();
        own.host = host.addr;
        bytes32 ownId = _activeLicense(own);
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        for (uint256 j; j < 48; ++j) {
            uint32 index = _indexOf(series, j);
            _answer(given, j, series, victimTree.tag(index, _candidateOf(ownId, index)));
        }
        _expectFailure(series, given, IProofs.Proofs_NotEnough.selector);
        // Nor is its own copy one that it has no license for.
        series.copy = own;
        _commitReport(reporter, _claimOf(series));
        skip(60);
        _expectFailure(series, _evidence(series, 0), IProofs.Proofs_NotForeign.selector);
    }

    function test_strangerCopiesTheReport() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        vm.expectPartialRevert(IProofs.Proofs_NotCommitted.selector);
        vm.prank(stranger);
        proofs.proveUnlicensedModel(ref(), series, given.opened, given.answers, SALT);
        _prove(series, given);
        assertEq(vault.payout(0).to, reporter, "whoever reported is paid");
    }

    /// @dev The reporter says another first word of the same text, or another text: the host has
    /// signed both.
    function test_reporterSaysAnotherTag() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _innocent(series);
        for (uint256 j; j < 48; ++j) {
            uint32 index = _indexOf(series, j);
            given.answers[j].tag = victimTree.tag(index, _drawnCandidate(index));
        }
        _expectFailure(series, given, IProofs.Proofs_BadReceiptSignature.selector);
    }

    /// @dev An answer without a word has tag 0, and that is nobody's answer.
    function test_answersWithoutAWordAreMisses() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        for (uint256 j; j < 48; j += 2) {
            _answer(given, j, series, 0);
        }
        _expectFailure(series, given, IProofs.Proofs_NotEnough.selector);
    }

    /// @dev Nobody signed it, and the tag is the copy's.
    function test_tagsThatNobodySigned() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        for (uint256 j; j < 48; ++j) {
            (given.answers[j].r, given.answers[j].vs) = (0, 0);
        }
        _expectFailure(series, given, IProofs.Proofs_NotSigned.selector);
    }

    /// @dev Who reports itself to be slashed by an accomplice saves a tenth of it at most.
    function test_accompliceSavesATenth() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _prove(series, _evidence(series, 0));
        assertEq(ref().terms.slash.reporterBps, 3000, "the terms give more");
        assertEq(vault.payout(0).amount, COLLATERAL * SLASH / 10_000 / 10, "a tenth");
    }
}
