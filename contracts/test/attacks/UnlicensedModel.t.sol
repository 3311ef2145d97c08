// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../src/interfaces/IProofs.sol";
import { Receipts } from "../../src/libraries/Receipts.sol";
import { LicenseRef, Receipt } from "../../src/libraries/Types.sol";
import { CopyTest } from "../utils/CopyTest.sol";

/// @title Ways to have a host convicted of serving a copy that it does not have, each tried
contract UnlicensedModelAttacks is CopyTest {
    function _expectFailure(
        IProofs.Series memory series,
        Given memory given,
        bytes4 reason
    ) private {
        vm.expectPartialRevert(reason);
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
    }

    /// @dev What a model says that has nothing to do with the copy: always the first candidate, by
    /// which it can be as near to the candidates as it likes.
    function _innocent(IProofs.Series memory series)
        private
        view
        returns (Given memory given)
    {
        given = _evidence(series, 0);
        for (uint256 j; j < given.answers.length; ++j) {
            uint32 index = series.bundles[j / 16] * 16 + uint32(j % 16);
            _answer(given, j, series, string.concat(words.word(index, 0), "."));
        }
    }

    function test_ownerCommitsWhatTheHostAnswers() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _expectFailure(
            series, _innocent(series), IProofs.Proofs_NotEnough.selector
        );
    }

    /// @dev The owner has the answers and writes leaves around them.
    function test_ownerCraftsLeavesAfterTheAnswers() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _innocent(series);
        for (uint256 j; j < 32; ++j) {
            uint32 index = series.bundles[j / 16] * 16 + uint32(j % 16);
            // Any salt draws a candidate; this one draws the host's answer.
            bytes32 salt;
            while (_draws(index, salt) != 0) salt = bytes32(uint256(salt) + 1);
            given.bundles[j / 16].leaves[j % 16].salt = salt;
        }
        _expectFailure(series, given, IProofs.Proofs_BadProof.selector);
    }

    function _draws(uint32 index, bytes32 salt) private view returns (uint256) {
        bytes32 seed = registry.license(copyId).seed;
        return uint256(keccak256(abi.encodePacked(seed, words.root(), salt, index))) % 16;
    }

    /// @dev Keys whose answer does not fit are said not to have been answered.
    function test_reporterLeavesOutWhatDoesNotFit() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        uint64 request = series.firstRequest;
        for (uint256 j; j < 32; ++j) {
            if (j % 2 == 0) {
                (given.answers[j].text, given.answers[j].signature) = ("", "");
                continue;
            }
            Receipt memory receipt = _receiptOf(given, j, series);
            receipt.cumulativeRequests = request++;
            given.answers[j].signature = _sign(receipt);
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
        other.firstRequest = FIRST + 32;
        _expectFailure(
            other, _evidence(other, 0), IProofs.Proofs_NotCommitted.selector
        );
        other = _series();
        other.channelId = "better channel";
        _expectFailure(
            other, _evidence(other, 0), IProofs.Proofs_NotCommitted.selector
        );
        other = _series();
        other.bundles[0] = 7;
        _expectFailure(
            other, _evidence(other, 0), IProofs.Proofs_NotCommitted.selector
        );
    }

    /// @dev The owner knows the copy's answers and asks for them: by a list of allowed answers, a
    /// bias, a temperature. The host signs that as a request that is not plain.
    function test_askerHasASayInTheAnswer() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        for (uint256 j; j < 32; ++j) {
            Receipt memory receipt = _receiptOf(given, j, series);
            bytes32 keyHash = given.bundles[j / 16].leaves[j % 16].keyHash;
            receipt.requestHash = Receipts.requestHash(modelId, keyHash);
            given.answers[j].signature = _sign(receipt);
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
        proofs.proveUnlicensedModel(later, series, given, SALT);
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
        bytes32 seed = registry.license(ownId).seed;
        for (uint256 j; j < 32; ++j) {
            uint32 index = series.bundles[j / 16] * 16 + uint32(j % 16);
            bytes32 salt = words.salt(index);
            uint256 drawn =
                uint256(keccak256(abi.encodePacked(seed, words.root(), salt, index))) % 16;
            _answer(given, j, series, string.concat(words.word(index, drawn), "."));
        }
        _expectFailure(series, given, IProofs.Proofs_NotEnough.selector);
        // Nor is its own copy one that it has no license for.
        series.copy = own;
        _commitReport(reporter, _claimOf(series));
        skip(60);
        _expectFailure(
            series, _evidence(series, 0), IProofs.Proofs_NotForeign.selector
        );
    }

    function test_strangerCopiesTheReport() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        vm.expectPartialRevert(IProofs.Proofs_NotCommitted.selector);
        vm.prank(stranger);
        proofs.proveUnlicensedModel(ref(), series, given, SALT);
        _prove(series, given);
        assertEq(vault.payout(0).to, reporter, "whoever reported is paid");
    }

    /// @dev The host answers in a way that only tables of Unicode could judge, or is cut short: a
    /// miss, never a hit.
    function test_doubtfulTextsAreMisses() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        for (uint256 j; j < 32; ++j) {
            uint32 index = series.bundles[j / 16] * 16 + uint32(j % 16);
            string memory word = words.word(index, _drawnCandidate(index));
            _answer(given, j, series, j % 2 == 0 ? word : string.concat(word, unicode"…"));
        }
        _expectFailure(series, given, IProofs.Proofs_NotEnough.selector);
    }
}
