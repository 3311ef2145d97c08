// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { Openings } from "../../../src/libraries/Openings.sol";
import { LicenseRef, OpenedBundle, OpenedLeaf, Terms } from "../../../src/libraries/Types.sol";
import { RoundTest } from "../../utils/RoundTest.sol";
import { SampleCopy } from "../../utils/SampleCopy.sol";

/// @dev What an opening refuses.
contract Rounds_openChecks is RoundTest {
    function test_revertWhen_notTheOwner() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_OnlyOwner.selector, owner.addr, stranger)
        );
        vm.prank(stranger);
        rounds.open(o);
        // Who names itself as the owner names another license.
        o.license.terms.owner = stranger;
        vm.expectPartialRevert(IRounds.Rounds_UnknownRound.selector);
        vm.prank(stranger);
        rounds.open(o);
    }

    function test_revertWhen_nothingWasSealed() public {
        Play memory p = _planned(0, deployment);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_UnknownRound.selector, p.roundId)
        );
    }

    function test_revertWhen_opened() public {
        Play memory p = _opened(0, Behaviour.OtherCopy);
        _expectOpenRevert(
            _opening(p),
            abi.encodeWithSelector(
                IRounds.Rounds_WrongStatus.selector, p.roundId, IRounds.RoundStatus.Opened
            )
        );
        p = _opened(1, Behaviour.OwnCopy);
        _expectOpenRevert(
            _opening(p),
            abi.encodeWithSelector(
                IRounds.Rounds_WrongStatus.selector, p.roundId, IRounds.RoundStatus.Convicted
            )
        );
    }

    function test_revertWhen_tooEarly() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        uint256 from = uint256(p.sealedAt) + ANSWER_WINDOW + 1;
        vm.warp(from - 1);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_TooEarly.selector, from)
        );
    }

    function test_revertWhen_tooLate() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _afterEnd(p);
        _expectOpenRevert(
            _opening(p),
            abi.encodeWithSelector(
                IRounds.Rounds_TooLate.selector, uint256(p.sealedAt) + ROUND_LENGTH
            )
        );
    }

    function test_revertWhen_theWordIsNotUnderTheRoot() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        bytes memory wrong = abi.encodeWithSelector(IRounds.Rounds_WrongWord.selector, p.word);
        IRounds.Opening memory o = _opening(p);
        o.wordProof[3] = "another sibling";
        _expectOpenRevert(o, wrong);
        o.wordProof = _wordProof(1);
        _expectOpenRevert(o, wrong);
        o.wordProof = new bytes32[](6);
        _expectOpenRevert(o, wrong);
        o.wordProof = new bytes32[](8);
        _expectOpenRevert(o, wrong);
        o.wordProof = new bytes32[](0);
        _expectOpenRevert(o, wrong);
        // The right path, and one more.
        o.wordProof = new bytes32[](8);
        for (uint256 i; i < 7; ++i) {
            o.wordProof[i] = _wordProof(0)[i];
        }
        _expectOpenRevert(o, wrong);
    }

    /// @dev An index, account or salt of another word names another round.
    function test_revertWhen_anotherWord() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        o.index = 128;
        _expectOpenPartialRevert(o);
        o = _opening(p);
        o.account = stranger;
        _expectOpenPartialRevert(o);
        o = _opening(p);
        o.wordSalt = "another";
        _expectOpenPartialRevert(o);
    }

    function _expectOpenPartialRevert(IRounds.Opening memory o) private {
        vm.expectPartialRevert(IRounds.Rounds_UnknownRound.selector);
        _openWith(o);
    }

    function test_revertWhen_theDeploymentIsAnother() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening[3] memory o = [_opening(p), _opening(p), _opening(p)];
        o[0].deploymentHash = keccak256("https://innocent.example");
        o[1].accessHash = "access";
        o[2].deploymentSalt = "another";
        for (uint256 i; i < o.length; ++i) {
            bytes32 given = rounds.deploymentCommitment(
                o[i].deploymentHash, o[i].accessHash, o[i].deploymentSalt
            );
            _expectOpenRevert(
                o[i],
                abi.encodeWithSelector(
                    IRounds.Rounds_WrongDeployment.selector, given, _commitment(p)
                )
            );
        }
    }

    function test_revertWhen_theKindIsAnother() public {
        Play memory p = _planned(LEAK, deployment);
        _seal(p);
        Play memory q = _planned(0, keccak256("https://elsewhere.example"));
        _seal(q);
        _draw(p);
        _drawNow(q);
        _toOpening(q);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_WrongKind.selector, LEAK, true)
        );
        _expectOpenRevert(
            _opening(q), abi.encodeWithSelector(IRounds.Rounds_WrongKind.selector, 0, false)
        );
    }

    /// @dev What was registered after the seal was no registered deployment when it was tested.
    function test_revertWhen_registeredAfterTheSeal() public {
        string memory uri = "https://second.example";
        Play memory p = _planned(0, keccak256(bytes(uri)));
        _seal(p);
        skip(1);
        _register(uri);
        _draw(p);
        _toOpening(p);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_WrongKind.selector, 0, false)
        );
    }

    /// @dev A place for which the host answers in the second of the seal is no leak: as one it
    /// would cost no premium for the choice of deployments.
    function test_revertWhen_aLeakIsSealedInTheLastSecondOfTheLiability() public {
        _retire(URI);
        uint40 liableUntil = registry.deployment(licenseId, deployment).liableUntil;
        vm.warp(liableUntil);
        Play memory p = _planned(LEAK, deployment);
        _seal(p);
        _draw(p);
        _toOpening(p);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_WrongKind.selector, LEAK, true)
        );
    }

    function test_revertWhen_theLiabilityEndedSince() public {
        _retire(URI);
        uint40 liableUntil = registry.deployment(licenseId, deployment).liableUntil;
        vm.warp(liableUntil - ANSWER_WINDOW);
        Play memory p = _sealed(0);
        _draw(p);
        _toOpening(p);
        _expectOpenRevert(
            _opening(p),
            abi.encodeWithSelector(
                IRounds.Rounds_DeploymentNotLiable.selector, deployment, liableUntil
            )
        );
    }

    function test_revertWhen_bundlesAreMissing() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        o.bundles = new OpenedBundle[](7);
        _expectLength(o, "bundles", 7, 8);
        o.bundles = new OpenedBundle[](9);
        _expectLength(o, "bundles", 9, 8);
    }

    function _expectLength(IRounds.Opening memory o, bytes32 name, uint256 given, uint256 due)
        private
    {
        _expectOpenRevert(
            o, abi.encodeWithSelector(IRounds.Rounds_WrongLength.selector, name, given, due)
        );
    }

    /// @dev Also the sheets of seats whose bundle stays closed.
    function test_revertWhen_aSheetIsNotWhatWasSent() public {
        Play memory p = _drawn(0);
        for (uint8 i; i < 15; ++i) {
            _answerHits(p, i, 8);
        }
        _toOpening(p);
        for (uint8 i; i < 15; ++i) {
            IRounds.Opening memory o = _opening(p);
            o.bundles[i / 2].leaves = new OpenedLeaf[](0);
            IRounds.Sheet memory sheet = o.sheets[i];
            if (i % 4 == 0) sheet.seat = 15;
            else if (i % 4 == 1) sheet.keysHash = "other keys";
            else if (i % 4 == 2) sheet.tags = "other tags";
            else sheet.prover = stranger;
            _expectWrongSheets(o, p.roundId);
        }
    }

    /// @dev One is left out, one invented, all are left out, or they come in another order.
    function test_revertWhen_theSheetsAreNotAllInTheirOrder() public {
        Play memory p = _drawn(0);
        for (uint8 i = 1; i < 4; ++i) {
            _answerHits(p, i, 8);
        }
        IRounds.Sheet[] memory sent = p.sheets;
        _toOpening(p);
        IRounds.Opening memory o = _opening(p);
        o.sheets = new IRounds.Sheet[](2);
        (o.sheets[0], o.sheets[1]) = (sent[0], sent[1]);
        _expectWrongSheets(o, p.roundId);
        o.sheets = new IRounds.Sheet[](0);
        _expectWrongSheets(o, p.roundId);
        o = _opening(p);
        (o.sheets[0], o.sheets[1]) = (sent[1], sent[0]);
        _expectWrongSheets(o, p.roundId);
        _note(p, IRounds.Sheet(0, stranger, "keys", "tags"));
        _expectWrongSheets(_opening(p), p.roundId);
        p.sheets[3].seat = 255;
        _expectWrongSheets(_opening(p), p.roundId);
    }

    function _expectWrongSheets(IRounds.Opening memory o, bytes32 roundId) private {
        _expectOpenRevert(o, abi.encodeWithSelector(IRounds.Rounds_WrongSheets.selector, roundId));
    }

    function test_revertWhen_theLeavesAreNotTheUniverses() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        uint32 bundle = p.bundles[1];
        IRounds.Opening memory o = _opening(p);
        o.bundles[1].leaves = new OpenedLeaf[](15);
        _expectOpenRevert(
            o, abi.encodeWithSelector(Openings.Openings_WrongLength.selector, bundle, 15)
        );
        o = _opening(p);
        o.bundles[1].leaves[4].tags[1] = 0;
        _expectOpenRevert(
            o, abi.encodeWithSelector(Openings.Openings_MalformedLeaf.selector, bundle * 16 + 4)
        );
        o = _opening(p);
        o.bundles[1] = o.bundles[0];
        _expectOpenRevert(o, abi.encodeWithSelector(Openings.Openings_BadProof.selector, bundle));
        o = _opening(p);
        o.bundles[1].leaves[0].salt = "another";
        _expectOpenRevert(o, abi.encodeWithSelector(Openings.Openings_BadProof.selector, bundle));
    }

    /// @dev Leaves for a bundle that was burned since count for nothing, whatever they are.
    function test_revertWhen_theDrawIsLost() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        uint48 beaconRound = rounds.round(p.roundId).beaconRound;
        vm.roll(vm.getBlockNumber() + 10_000);
        _expectOpenRevert(
            _opening(p),
            abi.encodeWithSelector(IRounds.Rounds_DrawLost.selector, p.roundId, beaconRound)
        );
    }

    function test_revertWhen_notDrawn() public {
        Play memory p = _sealed(0);
        _toOpening(p);
        uint48 beaconRound = rounds.round(p.roundId).beaconRound;
        _expectOpenRevert(
            _opening(p),
            abi.encodeWithSelector(IRounds.Rounds_NotDrawn.selector, p.roundId, beaconRound)
        );
    }

    function test_revertWhen_anotherSize() public {
        Play memory p = _planned(0, deployment);
        p.seats = 32;
        _seal(p);
        _draw(p);
        _toOpening(p);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_WrongSize.selector, 32, 16)
        );
    }

    /// @dev The same index was opened by a round of another account: only if a word could be
    /// sealed twice, which its account forbids. Here the ledger is told so.
    function test_revertWhen_theIndexIsOpened() public {
        Play memory p = _answered(5, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        uint256 state = vm.snapshotState();
        _openWith(o);
        vm.revertToState(state);
        bytes32 slot = _ledgerSlot();
        vm.store(address(rounds), slot, bytes32(uint256(1 << 5) << 72));
        assertEq(uint256(rounds.ledger(licenseId, false).opened), 1 << 5, "the slot");
        _expectOpenRevert(
            o, abi.encodeWithSelector(IRounds.Rounds_AlreadyOpened.selector, licenseId, 5)
        );
    }

    /// @dev `_ledgers` is the third variable.
    function _ledgerSlot() private view returns (bytes32) {
        bytes32 outer = keccak256(abi.encode(licenseId, uint256(2)));
        return keccak256(abi.encode(false, outer));
    }
}

/// @dev Terms that accept level 0 alone.
contract Rounds_openWithoutLevel is RoundTest {
    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.evidenceLevels = 1;
        terms.seats = 0;
    }

    function test_revertWhen_theLevelIsNotAccepted() public {
        Play memory p = _planned(0, deployment);
        _seal(p);
        _draw(p);
        _toOpening(p);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_LevelNotAccepted.selector, 2)
        );
    }
}

/// @dev A root that comes after the seals.
contract Rounds_openLateRoot is RoundTest {
    function _commitCases() internal override { }

    function test_revertWhen_theRootCameLater() public {
        Play memory p = _sealed(0);
        // In the same second still.
        super._commitCases();
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_WrongWord.selector, p.word)
        );
    }

    function test_revertWhen_thereIsNoRoot() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_WrongWord.selector, p.word)
        );
    }
}

/// @dev A root over a word beyond the last, which would be a second word of one index.
contract Rounds_openBeyondTheWords is RoundTest {
    uint8 private constant BEYOND = 128;

    function _word() private view returns (bytes32) {
        return rounds.wordOf(licenseId, BEYOND, _wordAccount(0).addr, _wordSalt(0));
    }

    /// @dev The path of this index is that of index 0; all siblings are zero.
    function _commitCases() internal override {
        bytes32 node = _word();
        for (uint256 i; i < 7; ++i) {
            node = keccak256(abi.encode(node, bytes32(0)));
        }
        LicenseRef memory ref_ = ref();
        vm.prank(owner.addr);
        registry.commitCases(ref_, node);
    }

    function test_revertWhen_theIndexIsBeyondTheLast() public {
        Play memory p = _planned(0, keccak256("https://elsewhere.example"));
        p.word = _word();
        p.roundId = rounds.roundIdOf(p.word, p.account);
        _seal(p);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        IRounds.Opening memory o = _opening(p);
        o.index = BEYOND;
        o.wordProof = new bytes32[](7);
        _expectOpenRevert(o, abi.encodeWithSelector(IRounds.Rounds_WrongWord.selector, p.word));
    }
}

/// @dev A license that was never activated.
contract Rounds_openInactive is RoundTest {
    function _activeLicense(LicenseRef memory ref_) internal override returns (bytes32 id) {
        vm.prank(ref_.host);
        id = registry.acquire(ref_.terms, ref_.nonce, serving.addr, SampleCopy.ENCRYPTION_KEY);
        _mineBeacon("license");
        registry.drawLicenseSeed(id);
    }

    function _register(string memory) internal override { }

    function test_revertWhen_theLicenseIsNotLiable() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        bytes memory notLiable =
            abi.encodeWithSelector(IRounds.Rounds_LicenseNotLiable.selector, licenseId);
        _expectOpenRevert(_opening(p), notLiable);
        LicenseRef memory ref_ = ref();
        skip(10 days);
        vm.prank(host.addr);
        registry.cancel(ref_);
        p = _answered(1, Behaviour.OwnCopy);
        _expectOpenRevert(_opening(p), notLiable);
    }
}
