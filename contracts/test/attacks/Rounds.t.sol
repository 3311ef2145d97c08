// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Judgment } from "../../src/libraries/Judgment.sol";
import { LicenseRef, LicenseStatus, Parent, Terms } from "../../src/libraries/Types.sol";
import { RoundTest } from "../utils/RoundTest.sol";

/// @dev Strangers, owners and coalitions of provers against an innocent host.
contract RoundAttacks is RoundTest {
    function _assertUnharmed() private view {
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
        (LicenseStatus status,) = registry.licenseState(licenseId);
        assertEq(uint256(status), uint256(LicenseStatus.Active), "the license goes on");
        assertLe(_logA(false), int64(0), "no evidence");
        assertLe(_logA(true), int64(0), "no evidence of a leak");
    }

    /// @dev A stranger with a model, license and rounds of its own takes up what judges others, to
    /// be left alone with its coalition. Seats are drawn anew for each round among all tickets:
    /// nothing is used up, and every seat costs its fee.
    function test_strangerExhaustsTheProvers() public {
        _fund(stranger);
        uint256 before = token.balanceOf(stranger);
        vm.startPrank(stranger);
        for (uint256 i; i < 32; ++i) {
            rounds.seal(bytes32(i), "decoy", 32);
        }
        vm.stopPrank();
        assertEq(before - token.balanceOf(stranger), 32 * 32 * uint256(SEAT_FEE), "paid");
        Play memory p = _answered(0, Behaviour.OwnCopy);
        assertEq(p.sheets.length, p.seats, "every seat is held");
        _open(p);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
    }

    /// @dev A stranger opens in the name of a license that is not its own.
    function test_strangerOpensAgainstAnothersLicense() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_OnlyOwner.selector, owner.addr, stranger)
        );
        vm.prank(stranger);
        rounds.open(o);
        _assertUnharmed();
    }

    /// @dev Provers together with somebody who has no word of the license seal a round and answer
    /// it with all hits: no word, no round.
    function test_coalitionSealsWithoutAWord() public {
        Play memory p = _planned(0, deployment);
        bytes32 commitment = _commitment(p);
        vm.prank(reporter);
        bytes32 roundId = rounds.seal(p.word, commitment, p.seats);
        assertNotEq(roundId, p.roundId, "the word is its account's");
        p.account = reporter;
        p.roundId = roundId;
        p.sealedAt = uint40(vm.getBlockTimestamp());
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _expectOpenPartial(p, IRounds.Rounds_UnknownRound.selector);
        _assertUnharmed();
    }

    /// @dev An owner with more than one draw for one index keeps the one that its coalition likes:
    /// one word is one account's, and the account seals once.
    function test_ownerSealsOneIndexTwice() public {
        Play memory p = _answered(3, Behaviour.OtherCopy);
        bytes memory signed = _signSeal(p, reporter, 0);
        bytes32 c = _commitment(p);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_AlreadySealed.selector, p.roundId));
        vm.prank(reporter);
        rounds.sealFor(p.account, p.word, c, p.seats, 0, signed);
        _open(p);
        // The same index of another account is another word, under no root.
        Play memory q = _planned(3, deployment);
        q.account = owner.addr;
        q.word = rounds.wordOf(licenseId, 3, owner.addr, q.wordSalt);
        q.roundId = rounds.roundIdOf(q.word, owner.addr);
        _fund(owner.addr);
        vm.prank(owner.addr);
        rounds.seal(q.word, c, q.seats);
        q.sealedAt = uint40(vm.getBlockTimestamp());
        _draw(q);
        _toOpening(q);
        _expectOpenRevert(
            _opening(q), abi.encodeWithSelector(IRounds.Rounds_WrongWord.selector, q.word)
        );
    }

    /// @dev The root is committed once, so nothing is put under it after a draw.
    function test_ownerCommitsWordsAfterTheDraw() public {
        LicenseRef memory ref_ = ref();
        vm.expectRevert();
        vm.prank(owner.addr);
        registry.commitCases(ref_, "another root");
    }

    /// @dev A copier sends the signed seal of the mempool with itself as the payer and reporter.
    function test_copierTakesASealFromTheMempool() public {
        Play memory p = _planned(0, deployment);
        bytes memory signed = _signSeal(p, reporter, 5000);
        bytes32 c = _commitment(p);
        _fund(stranger);
        vm.expectPartialRevert(IRounds.Rounds_BadSeal.selector);
        vm.prank(stranger);
        rounds.sealFor(p.account, p.word, c, p.seats, 5000, signed);
        _sealFor(p, reporter, 5000);
        assertEq(rounds.round(p.roundId).payer, reporter, "the payer");
    }

    /// @dev The owner hands out keys of a site of its own, where everything is hit: sheets whose
    /// keys are not the drawn leaves' are misses.
    function test_ownerHandsOutOtherKeys() public {
        Play memory p = _drawn(0);
        for (uint8 i; i < p.seats; ++i) {
            _answer(p, i, keccak256("keys of its own"), _tags(p, i, 8, Behaviour.OwnCopy));
        }
        _toOpening(p);
        Found memory found = _find(_opening(p));
        assertEq(found.hits, bytes32(0), "no hit");
        _assertUnharmed();
    }

    /// @dev The owner lets seats test a deployment of its own and names the host's afterwards.
    function test_ownerNamesAnotherDeployment() public {
        Play memory p = _planned(0, keccak256("https://owners-own.example"));
        _seal(p);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        p.deploymentHash = deployment;
        _expectOpenPartial(p, IRounds.Rounds_WrongDeployment.selector);
        _assertUnharmed();
    }

    function _expectOpenPartial(Play memory p, bytes4 selector) private {
        IRounds.Opening memory o = _opening(p);
        vm.expectPartialRevert(selector);
        _openWith(o);
    }

    /// @dev The owner tests its own site in a round of the kind "leak" and opens it as the host's,
    /// or the host's in one of the other kind, whose thresholds are others.
    function test_ownerChangesTheKind() public {
        Play memory p = _planned(LEAK, deployment);
        _seal(p);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _expectOpenPartial(p, IRounds.Rounds_WrongKind.selector);
        p = _planned(0, keccak256("https://owners-own.example"));
        _seal(p);
        _draw(p);
        _answerAll(p, Behaviour.OwnCopy);
        _toOpening(p);
        _expectOpenPartial(p, IRounds.Rounds_WrongKind.selector);
        _assertUnharmed();
    }

    /// @dev As many hostile seats as are struck, all with all hits: an innocent's ledger does not
    /// rise, whatever seats they are.
    function test_hostileSeatsUpToTheStruck() public {
        uint256 hostile = Judgment.struck(_seats());
        for (uint8 k; k < 4; ++k) {
            Play memory p = _drawn(k);
            for (uint8 i; i < p.seats; ++i) {
                bool lies = uint256(i) * 7 % p.seats < hostile;
                _answerHits(p, i, lies ? 8 : 0);
            }
            _toOpening(p);
            assertEq(_find(_opening(p)).kept, 0, "no hit is left");
            skip(1 days);
        }
        assertEq(_logA(false), -8 << 32, "four premiums of 2 bits");
        _assertUnharmed();
    }

    /// @dev An owner opens only the rounds whose seats are its own. All indices before cost.
    function test_ownerDropsBadRounds() public {
        for (uint8 k; k < 7; ++k) {
            _sealed(k);
        }
        Play memory p = _drawn(7);
        for (uint8 i; i < p.seats; ++i) {
            _answerHits(p, i, i < 9 ? 8 : 2);
        }
        _toOpening(p);
        Found memory found = _find(_opening(p));
        assertGt(int256(found.gain), int256(0), "lucky guesses");
        assertEq(int256(found.logA), int256(found.gain) - int256(16 << 32), "eight premiums");
        assertFalse(found.convicted, "a choice of eight costs more than it brings");
    }

    /// @dev The owner would like a seat to lose its fee, or its hits, by another sheet or none.
    function test_ownerMisreportsASheet() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        IRounds.Opening memory o = _opening(p);
        bytes memory wrong = abi.encodeWithSelector(IRounds.Rounds_WrongSheets.selector, p.roundId);
        delete o.sheets[4];
        _expectOpenRevert(o, wrong);
        o = _opening(p);
        o.sheets[5].tags = 0;
        _expectOpenRevert(o, wrong);
        o = _opening(p);
        o.sheets[6].prover = owner.addr;
        _expectOpenRevert(o, wrong);
    }

    /// @dev A silent owner takes no seat's fee: who answered is paid, by the payer's money.
    function test_ownerStaysSilent() public {
        Play memory p = _answered(0, Behaviour.OwnCopy);
        _afterEnd(p);
        for (uint8 i; i < p.seats; ++i) {
            _collectLapsed(p, p.sheets[i].prover);
            assertTrue(_isPaid(p, i), "paid");
        }
        _withdrawAll(p);
        assertEq(token.balanceOf(address(rounds)), 0, "all fees are paid");
    }

    /// @dev Who sees the draw joins, and would answer a seat.
    function test_proverJoinsAfterTheSeal() public {
        Play memory p = _sealed(0);
        _fund(stranger);
        _join(stranger, 64);
        _draw(p);
        for (uint8 i; i < p.seats; ++i) {
            assertNotEq(uint256(uint160(_holder(p, i))), uint256(uint160(stranger)), "no seat");
            vm.expectPartialRevert(IRounds.Rounds_NotYourSeat.selector);
            vm.prank(stranger);
            rounds.answer(p.roundId, i, "keys", "tags");
        }
    }

    /// @dev A prover sees another's sheet and sends it from its own seat: other leaves, so no hit.
    function test_proverCopiesAnothersSheet() public {
        Play memory p = _drawn(0);
        _answerHits(p, 0, 8);
        _answer(p, 1, p.sheets[0].keysHash, p.sheets[0].tags);
        _toOpening(p);
        assertEq(uint8(_find(_opening(p)).hits[1]), 0, "no hit");
    }

    /// @dev A sheet that its prover holds back until others are opened comes too late.
    function test_proverAnswersAfterTheDeadline() public {
        Play memory p = _drawn(0);
        address holder = _holder(p, 0);
        _toOpening(p);
        vm.expectPartialRevert(IRounds.Rounds_TooLate.selector);
        vm.prank(holder);
        rounds.answer(p.roundId, 0, "keys", "tags");
    }

    /// @dev Provers collect twice, of a round that lapsed and of one that was opened.
    function test_proverCollectsTwice() public {
        Play memory p = _answered(0, Behaviour.OtherCopy);
        _afterEnd(p);
        address prover = p.sheets[0].prover;
        _collectLapsed(p, prover);
        uint256 earned = rounds.fees(prover);
        _collectLapsed(p, prover);
        assertEq(rounds.fees(prover), earned, "once");
        Play memory q = _opened(1, Behaviour.OtherCopy);
        skip(2 * uint256(ROUND_LENGTH));
        vm.expectRevert(
            abi.encodeWithSelector(
                IRounds.Rounds_WrongStatus.selector, q.roundId, IRounds.RoundStatus.Opened
            )
        );
        _collectLapsed(q, prover);
    }

    /// @dev Provers take what others have earned, by their sheets or by sheets of their own.
    function test_proverCollectsForAnother() public {
        Play memory p = _drawn(0);
        _answerHits(p, 0, 0);
        address prover = p.sheets[0].prover;
        _afterEnd(p);
        _collectLapsed(p, stranger);
        assertEq(rounds.fees(stranger), 0, "nothing");
        p.sheets[0].prover = stranger;
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_WrongSheets.selector, p.roundId));
        _collectLapsed(p, stranger);
        p.sheets[0].prover = prover;
        _note(p, IRounds.Sheet(1, stranger, "keys", "tags"));
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_WrongSheets.selector, p.roundId));
        _collectLapsed(p, stranger);
    }

    /// @dev A license of the attacker's own model burns bundles of nobody else's universe, whoever
    /// seals it.
    function test_strangerBurnsAnothersBundles() public {
        vm.prank(stranger);
        bytes32 other = registry.registerModel("other weights", "metadata", new Parent[](0));
        assertNotEq(other, modelId, "its own model");
        uint32[] memory bundles = new uint32[](1);
        vm.expectRevert();
        vm.prank(stranger);
        registry.burn(modelId, 0, bundles);
        assertEq(registry.universe(modelId, 0).burnedBundles, 0, "nothing is burned");
    }
}

/// @dev Four seats strike one, so they stand behind nothing outside of a local chain.
contract DemoSeatAttacks is RoundTest {
    function _seats() internal pure override returns (uint8) {
        return 4;
    }

    function test_fourSeatsOnAPublicChain() public {
        Terms memory terms = _terms();
        terms.licenseFee += 1;
        vm.chainId(1);
        vm.expectRevert();
        vm.prank(owner.addr);
        registry.publishOffer(terms);
    }

    /// @dev They do work where they are allowed.
    function test_fourSeatsOnALocalChain() public {
        Play memory p = _opened(0, Behaviour.OwnCopy);
        _assertStatus(p, IRounds.RoundStatus.Convicted);
    }

    /// @dev A round of four under terms that say four, and another one of eight.
    function test_anotherSizeThanAgreed() public {
        Play memory p = _planned(0, deployment);
        p.seats = 8;
        _seal(p);
        _draw(p);
        _toOpening(p);
        _expectOpenRevert(
            _opening(p), abi.encodeWithSelector(IRounds.Rounds_WrongSize.selector, 8, 4)
        );
    }
}
