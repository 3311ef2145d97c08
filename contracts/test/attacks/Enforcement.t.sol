// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../src/interfaces/IChallengeTypes.sol";
import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { BURN, CaseStatus, Receipt, Terms, Violation } from "../../src/libraries/Types.sol";
import { CaseTest } from "../utils/CaseTest.sol";
import { BlockingToken } from "../utils/tokens/BlockingToken.sol";
import { ReentrantToken } from "../utils/tokens/ReentrantToken.sol";

/// @title Known ways to cheat at enforcement, each tried
contract EnforcementAttacks is CaseTest {
    // ---- By the owner

    /// @dev The owner commits the same candidate in all places, so that any draw hits what the
    /// victim answers.
    function test_ownerCommitsDuplicateCandidates() public {
        Round memory round = _revealed(Behaviour.OtherModel);
        bytes32 repeated;
        for (uint256 i; i < 8; ++i) {
            repeated |= bytes32(bytes4(keccak256("victim's answer"))) >> (32 * i);
        }
        round.opened[0].leaves[0].tags = [repeated, repeated];
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_MalformedLeaf.selector, round.bundles[0] * 16
            )
        );
        _openLeaves(round);
        skip(4 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Void);
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
    }

    /// @dev The owner commits, as one candidate of each leaf, what the victim's own model answers.
    /// The draw takes that candidate one time in sixteen only.
    function test_ownerCommitsWhatTheVictimAnswers() public {
        Round memory round = _posted(Behaviour.OtherModel);
        for (uint256 i; i < 5; ++i) {
            for (uint256 j; j < 32; ++j) {
                uint32 index = round.bundles[j / 16] * 16 + uint32(j % 16);
                _setTag(round.tags[i], _position(j), tree.tag(index, 0));
            }
        }
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Dismissed);
    }

    /// @dev Once the answers are revealed the owner would like to have asked something else.
    function test_ownerChangesQuestions() public {
        Round memory round = _revealed(Behaviour.OtherCopy);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                round.caseId,
                CaseStatus.Opening
            )
        );
        vm.prank(owner.addr);
        manager.postQuestions(round.id, _drawnOf(round), "other questions", QUESTIONS);
    }

    /// @dev The owner's accomplice freezes a license for ever by cases that the owner then lets
    /// lapse: each draw burns bundles of the license's epoch, and these run out.
    function test_ownerFreezesForEver() public {
        for (uint256 i; i < 4; ++i) {
            Round memory round = _drawn();
            skip(1 hours + 1);
            _resolve(round);
        }
        assertEq(vault.collateral(ref()).freezes, 0, "freezes");
        _reportCase(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooFewBundles.selector, 0, 2)
        );
        vm.prank(reporter);
        manager.openCase(ref(), deployment, SALT);
    }

    // ---- By the reporter

    /// @dev Evidence that would convict in a first case does not in a later one.
    function test_reporterKeepsTheLuckyCase() public {
        int64 first = _threshold(_open().id);
        int64 last = first;
        for (uint256 i; i < 7; ++i) {
            int64 next = _threshold(_open().id);
            assertGt(int256(next), int256(last), "rises");
            last = next;
        }
        assertEq(int256(last - first), 3 * (int256(1) << 32), "eight cases: three bits");
    }

    /// @dev A copier sees a report in the mempool and sends the same with more gas.
    function test_reporterCopiesAnothersReport() public {
        bytes32 claimHash = keccak256(abi.encode(licenseId, deployment));
        bytes32 commitment = keccak256(abi.encode(reporter, claimHash, SALT));
        // It copies the commitment before the reporter's lands, without blocking it,
        vm.prank(stranger);
        manager.commitReport(commitment);
        _reportCase(reporter);
        // and can't use it.
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotCommitted.selector,
                keccak256(abi.encode(stranger, claimHash, SALT))
            )
        );
        vm.prank(stranger);
        manager.openCase(ref(), deployment, SALT);
        vm.prank(reporter);
        manager.openCase(ref(), deployment, SALT);
    }

    /// @dev One commitment can't open two cases.
    function test_reporterUsesOneReportTwice() public {
        _open();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotCommitted.selector,
                keccak256(abi.encode(reporter, keccak256(abi.encode(licenseId, deployment)), SALT))
            )
        );
        vm.prank(reporter);
        manager.openCase(ref(), deployment, SALT);
    }

    /// @dev A host that is about to be convicted reports itself first: it gets back 30 %, never
    /// what it lost.
    function test_hostReportsItself() public {
        Receipt memory a = _receipt(1);
        Receipt memory b = _receipt(1);
        b.responseHash = "other";
        _reportProof(host.addr, Violation.Equivocation, a);
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        vm.prank(host.addr);
        manager.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        assertEq(vault.payout(0).amount, COLLATERAL * 3 / 10, "back");
        assertEq(vault.collateral(ref()).amount, 0, "collateral");
    }

    // ---- By the host

    function test_hostWithdrawsCollateralBeforeTheCaseLands() public {
        vm.startPrank(host.addr);
        registry.terminate(ref());
        vault.startThaw(ref());
        vm.stopPrank();
        skip(14 days - 60);
        Round memory round = _open();
        skip(60);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_Frozen.selector, licenseId, 1)
        );
        vm.prank(host.addr);
        vault.withdraw(ref());

        _draw(round);
        _post(round);
        _ask(round, Behaviour.OwnCopy);
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        skip(5 hours + 1);
        _resolve(round);
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 5, "slashed all the same");
    }

    /// @dev The end of one case must not free what another one holds.
    function test_hostLeavesBetweenTwoCases() public {
        Round memory first = _drawn();
        _open();
        vm.startPrank(host.addr);
        registry.terminate(ref());
        vault.startThaw(ref());
        vm.stopPrank();
        skip(14 days);
        _resolve(first);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_Frozen.selector, licenseId, 1)
        );
        vm.prank(host.addr);
        vault.withdraw(ref());
    }

    /// @dev The host pays itself through a puppet for every tested request, after it has learned
    /// which these are.
    function test_hostForgesVouchersOfItsOwnPayer() public {
        _openChannel(payer.addr, address(0), 10 ether);
        Round memory round = _opened(Behaviour.OwnCopy);
        for (uint16 j; j < 32; ++j) {
            IPaymentEscrow.ClaimRow memory row =
                _voucher(payer, round.opened[j / 16].leaves[j % 16].keyHash);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IChallengeTypes.ChallengeManager_NotMember.selector, round.caseId, payer.addr
                )
            );
            manager.rebut(round.id, _drawnOf(round), round.outcome, _openedKeyHashes(round), j, row);
        }
    }

    /// @dev A single bribed member signs vouchers for everything.
    function test_hostBribesOneMember() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        Account memory member = _accountOf(round.committee[0]);
        _openChannel(member.addr, address(0), 10 ether);
        for (uint16 j; j < 32; ++j) {
            manager.rebut(
                round.id,
                _drawnOf(round),
                round.outcome,
                _openedKeyHashes(round),
                j,
                _voucher(member, round.opened[j / 16].leaves[j % 16].keyHash)
            );
        }
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Upheld);
    }

    /// @dev A signature that recovers to nobody must not pass for a key.
    function test_hostWithoutKeyIsNotSigner() public {
        Receipt memory a = _receipt(1);
        Receipt memory b = _receipt(1);
        b.responseHash = "other";
        _reportProof(reporter, Violation.Equivocation, a);
        bytes memory invalid = new bytes(65);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_BadReceiptSignature.selector,
                address(0),
                serving.addr
            )
        );
        vm.prank(reporter);
        manager.proveEquivocation(ref(), a, invalid, b, invalid, SALT);
    }

    // ---- By provers

    /// @dev A commitment names its member, so a copied one opens for nobody else.
    function test_proverCopiesAnothersCommitment() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < 4; ++i) {
            _commitTags(round, i);
        }
        bytes32 copied = manager.wordOf(round.caseId, round.committee[0]);
        vm.prank(round.committee[4]);
        manager.commitTags(round.caseId, _drawnOf(round), round.questionsHash, copied);
        _revealTags(round, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongTags.selector,
                round.caseId,
                round.committee[4]
            )
        );
        vm.prank(round.committee[4]);
        manager.revealTags(round.caseId, round.tags[0], _memberSalt(round.committee[0]));
    }

    /// @dev Whoever comes or adds stake once the seed can be known is not in the draw.
    function test_proverJoinsAfterTheSeedIsKnown() public {
        Round memory round = _open();
        address late = makeAddr("late prover");
        _fund(late);
        _stake(late, 900_000 ether);
        vm.prank(members[0].addr);
        provers.addStake(900_000 ether);
        _draw(round);
        for (uint256 i; i < 5; ++i) {
            assertNotEq(round.committee[i], late);
            assertNotEq(round.committee[i], members[0].addr);
        }
    }

    function test_proverWithdrawsBeforeItsPenalty() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < 4; ++i) {
            _commitTags(round, i);
        }
        vm.startPrank(round.committee[4]);
        provers.startThaw();
        skip(7 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_CasesOpen.selector, round.committee[4], 1
            )
        );
        provers.withdraw();
        vm.stopPrank();
        _resolve(round);
        assertEq(provers.prover(round.committee[4]).stake, MIN_STAKE * 10 - 2 ether, "penalty");
    }

    /// @dev Members that know no key and no candidate can only guess; a guess is no hit.
    function test_committeeGuesses() public {
        Round memory round = _posted(Behaviour.Silent);
        for (uint256 i; i < 5; ++i) {
            for (uint256 p; p < QUESTIONS; ++p) {
                _setTag(round.tags[i], p, 0x2a2a2a2a);
            }
        }
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        assertEq(round.outcome.hits, 0, "hits");
    }

    // ---- Money

    function test_resolvingTwicePaysOnce() public {
        Round memory round = _judged(Behaviour.OtherCopy);
        uint40 deadline = manager.caseOf(round.caseId).deadline;
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotResolvable.selector,
                round.caseId,
                CaseStatus.Dismissed,
                deadline
            )
        );
        _resolve(round);
        _assertManagerOwes(BOND + FEES);
    }
}

/// @title The bond's token calls back while it moves
contract ReentrancyAttacks is CaseTest {
    ReentrantToken private _reentrant;

    function setUp() public override {
        _reentrant = new ReentrantToken();
        super.setUp();
    }

    function _fund(address account) internal override {
        super._fund(account);
        _reentrant.mint(account, 1_000_000 ether);
        vm.startPrank(account);
        _reentrant.approve(address(vault), type(uint256).max);
        _reentrant.approve(address(escrow), type(uint256).max);
        _reentrant.approve(address(manager), type(uint256).max);
        vm.stopPrank();
    }

    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.currency = address(_reentrant);
    }

    function test_openCaseIsNotReentered() public {
        _reportCase(reporter);
        _reentrant.arm(
            address(manager), abi.encodeCall(manager.openCase, (ref(), deployment, SALT))
        );
        vm.prank(reporter);
        manager.openCase(ref(), deployment, SALT);
        _assertRefused();
        assertEq(registry.universe(modelId, 0).cases, 1, "cases");
    }

    function test_withdrawalIsNotReentered() public {
        _judged(Behaviour.OtherCopy);
        _reentrant.arm(
            address(manager),
            abi.encodeCall(manager.withdrawBalance, (address(_reentrant), host.addr))
        );
        vm.prank(host.addr);
        manager.withdrawBalance(address(_reentrant), host.addr);
        _assertRefused();
        assertEq(_reentrant.balanceOf(address(manager)), FEES, "the others' money");
    }

    /// @dev The slash burns within `resolve`; a call back can't resolve again.
    function test_resolveIsNotReentered() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        skip(5 hours + 1);
        _reentrant.arm(
            address(manager),
            abi.encodeCall(
                manager.resolve, (round.id, _drawnOf(round), round.questionsHash, round.outcome)
            )
        );
        _resolve(round);
        _assertRefused();
        _assertCase(round.caseId, CaseStatus.Upheld);
    }

    function _assertRefused() private view {
        assertFalse(_reentrant.succeeded(), "went through");
        assertEq(
            bytes32(bytes4(_reentrant.answer())),
            bytes32(bytes4(keccak256("ReentrancyGuardReentrantCall()")))
        );
    }
}

/// @title The token blocks people
contract BlockingAttacks is CaseTest {
    BlockingToken private _blocking;

    function setUp() public override {
        _blocking = new BlockingToken();
        super.setUp();
    }

    function _fund(address account) internal override {
        super._fund(account);
        _blocking.mint(account, 1_000_000 ether);
        vm.startPrank(account);
        _blocking.approve(address(vault), type(uint256).max);
        _blocking.approve(address(escrow), type(uint256).max);
        _blocking.approve(address(manager), type(uint256).max);
        vm.stopPrank();
    }

    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.currency = address(_blocking);
    }

    /// @dev A host that gets itself or the burn address blocked escapes nothing and blocks nobody.
    function test_blockedPeopleDoNotStopAVerdict() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        _blocking.setBlocked(host.addr, true);
        _blocking.setBlocked(reporter, true);
        _blocking.setBlocked(BURN, true);
        _blocking.setBlocked(round.committee[0], true);
        skip(5 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 5, "collateral");
        vm.prank(round.committee[1]);
        assertEq(manager.withdrawBalance(address(_blocking), round.committee[1]), FEE, "fee");
        // The reporter gets its bond elsewhere.
        vm.prank(reporter);
        manager.withdrawBalance(address(_blocking), stranger);
        assertEq(_blocking.balanceOf(stranger), BOND, "bond");
    }
}
