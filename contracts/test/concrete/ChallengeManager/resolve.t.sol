// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { CaseStatus, EvidenceTerms, Receipt, Violation } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";
import { SampleTerms } from "../../utils/SampleTerms.sol";
import { Vm } from "../../utils/Vm.sol";

contract ChallengeManager_resolve is CaseTest {
    function _expectNotResolvable(bytes32 caseId) private {
        IChallengeTypes.Case memory c = manager.caseOf(caseId);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotResolvable.selector,
                caseId,
                c.status,
                c.deadline
            )
        );
    }

    /// @dev A case whose first `hits` fingerprints are hits, with its rebuttal window over.
    function _withHits(uint256 hits) private returns (Round memory round) {
        round = _posted(Behaviour.OtherCopy);
        for (uint256 i; i < 5; ++i) {
            for (uint256 j; j < hits; ++j) {
                _setTag(round.tags[i], _position(j), _candidateTag(round, j, true));
            }
        }
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        skip(5 hours + 1);
    }

    /// @dev Evidence of `hits` among `queries` under the sample terms.
    function _evidence(uint256 hits, uint256 queries) private pure returns (int64) {
        EvidenceTerms memory e = SampleTerms.evidence();
        return EValue.evidence(hits, queries - hits, e.personalHit, e.personalMiss);
    }

    /// @dev Fewest hits among 32 that reach the threshold of a first case.
    function _fewestHits() private pure returns (uint256 hits) {
        while (_evidence(hits, 32) < EValue.threshold(1e9, 1, 1)) ++hits;
    }

    function test_revertWhen_noSuchCase() public {
        Round memory round = _open();
        round.id.cases = 7;
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotResolvable.selector,
                manager.caseIdOf(round.id),
                CaseStatus.None,
                0
            )
        );
        _resolve(round);
    }

    /// @dev Whoever ends a case must tell what was drawn, asked and found; nothing else is
    /// believed.
    function test_revertWhen_otherFacts() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        skip(5 hours + 1);
        _expectWrongFacts(round);
        IChallengeTypes.Outcome memory outcome = round.outcome;
        round.outcome = IChallengeTypes.Outcome(1, outcome.outside, outcome.keysHash);
        _resolve(round);
        _expectWrongFacts(round);
        round.outcome = IChallengeTypes.Outcome(outcome.hits, 1, outcome.keysHash);
        _resolve(round);
        round.outcome = outcome;
        address member = round.committee[0];
        round.committee[0] = stranger;
        _expectWrongFacts(round);
        _resolve(round);
        round.committee[0] = member;
        _resolve(round);
    }

    function test_revertWhen_otherDrawOrQuestions() public {
        Round memory round = _drawn();
        skip(1 hours + 1);
        address member = round.committee[0];
        round.committee[0] = stranger;
        _expectWrongFacts(round);
        _resolve(round);

        round = _posted(Behaviour.OwnCopy);
        skip(2 hours + 1);
        bytes32 questionsHash = round.questionsHash;
        round.questionsHash = "others";
        _expectWrongFacts(round);
        _resolve(round);
        round.questionsHash = questionsHash;
        _resolve(round);
        assertNotEq(member, stranger);
    }

    /// @dev Before the draw nobody was drawn, whoever the caller names.
    function test_namesNobodyBeforeTheDraw() public {
        Round memory round = _open();
        skip(1 hours + 1);
        round.committee = new address[](1);
        round.committee[0] = members[0].addr;
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Void);
        assertEq(provers.prover(members[0].addr).openCases, 0);
        assertEq(_balance(reporter), BOND + FEES, "bond and fees");
    }

    function _expectWrongFacts(Round memory round) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongFacts.selector, round.caseId
            )
        );
    }

    function test_revertWhen_stepNotOver() public {
        Round memory round = _open();
        skip(1 hours - 60);
        _expectNotResolvable(round.caseId);
        _resolve(round);

        round = _opened(Behaviour.OwnCopy);
        vm.warp(manager.caseOf(round.caseId).deadline);
        _expectNotResolvable(round.caseId);
        _resolve(round);
    }

    function test_revertWhen_membersCanGoOn() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < 4; ++i) {
            _commitTags(round, i);
        }
        uint40 commitDeadline = manager.caseOf(round.caseId).deadline;
        skip(2 hours + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotResolvable.selector,
                round.caseId,
                CaseStatus.Revealing,
                commitDeadline + 3 hours
            )
        );
        _resolve(round);
    }

    function test_revertWhen_ended() public {
        Round memory round = _judged(Behaviour.OwnCopy);
        skip(365 days);
        _expectNotResolvable(round.caseId);
        _resolve(round);
    }

    function test_voidWhenNotDrawn() public {
        Round memory round = _open();
        skip(1 hours + 1);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.BondPaid(round.caseId, reporter, address(token), BOND);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.FeesReturned(round.caseId, reporter, address(token), FEES);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Void);
        assertEq(_balance(reporter), BOND + FEES, "balance");
        assertEq(vault.collateral(ref()).freezes, 0, "freezes");
    }

    function test_voidWhenNobodyRevealed() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < 4; ++i) {
            _commitTags(round, i);
        }
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Void);
        for (uint256 i; i < 5; ++i) {
            assertEq(provers.prover(round.committee[i]).stake, MIN_STAKE * 10 - 2 ether, "stake");
        }
        assertEq(_balance(reporter), BOND + FEES, "balance");
    }

    function test_emitsVerdict() public {
        Round memory round = _withHits(32);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.CaseResolved(
            round.caseId,
            CaseStatus.Upheld,
            2,
            32,
            32,
            _evidence(32, 32),
            EValue.threshold(1e9, 1, 1),
            80 ether,
            24 ether,
            32 ether
        );
        _resolve(round);
    }

    /// @dev Five members were paid, so no fee is left to return.
    function test_returnsNoFeesWhenAllArePaid() public {
        Round memory round = _withHits(32);
        vm.recordLogs();
        _resolve(round);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 paid;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == IChallengeTypes.ProverPaid.selector) ++paid;
            assertNotEq(logs[i].topics[0], IChallengeTypes.FeesReturned.selector);
        }
        assertEq(paid, 5, "paid");
    }

    function test_upheldWithJustEnoughHits() public {
        Round memory round = _withHits(_fewestHits());
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Upheld);
    }

    function test_dismissedWithOneHitLess() public {
        Round memory round = _withHits(_fewestHits() - 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Dismissed);
    }

    function test_dismissedAfterRebuttals() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        // Two members paid for all but eight requests.
        for (uint256 i; i < 2; ++i) {
            Account memory member = _accountOf(round.committee[i]);
            _openChannel(member.addr, address(0), 1 ether);
            for (uint16 j = 8; j < 32; ++j) {
                manager.rebut(
                    round.id,
                    _drawnOf(round),
                    round.outcome,
                    _openedKeyHashes(round),
                    j,
                    _voucher(member, round.opened[j / 16].leaves[j % 16].keyHash)
                );
            }
        }
        skip(5 hours + 1);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.CaseResolved(
            round.caseId,
            CaseStatus.Dismissed,
            2,
            8,
            8,
            _evidence(8, 8),
            EValue.threshold(1e9, 1, 1),
            0,
            0,
            0
        );
        _resolve(round);
    }

    function test_slashesLicenseThatHasEnded() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        vm.prank(host.addr);
        registry.terminate(ref());
        uint40 end = registry.license(licenseId).deadline;
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(registry.license(licenseId).deadline, end, "end");
        assertEq(vault.collateral(ref()).amount, 20 ether, "collateral");
    }

    function test_takesShareOfTheRest() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        Receipt memory receipt = _receipt(1);
        receipt.servedAt = registry.license(licenseId).deadline + 1;
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        manager.proveOutOfTerm(ref(), receipt, signature_, SALT);
        skip(5 hours + 1);
        _resolve(round);
        assertEq(vault.collateral(ref()).amount, 10 ether, "a fifth of the half");
    }
}
