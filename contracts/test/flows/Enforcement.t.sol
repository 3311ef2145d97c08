// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import {
    BURN,
    CaseStatus,
    LicenseStatus,
    NATIVE,
    Receipt,
    Terms,
    Violation
} from "../../src/libraries/Types.sol";
import { CaseTest } from "../utils/CaseTest.sol";

/// @title From the report to the last coin, for every way a case can end
contract Enforcement is CaseTest {
    uint128 private constant SLASHED = COLLATERAL * 8000 / 10_000;
    uint128 private constant TO_REPORTER = SLASHED * 3000 / 10_000;
    uint128 private constant TO_OWNER = SLASHED * 4000 / 10_000;

    function test_cheatIsFoundAndSlashed() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        assertEq(vault.collateral(ref()).freezes, 1, "frozen");
        skip(5 hours + 1);
        uint256 burnedBefore = _held(BURN);
        vm.prank(stranger);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(round.outcome.hits, type(uint32).max, "every fingerprint hit");
        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
        assertEq(vault.collateral(ref()).freezes, 0, "unfrozen");
        assertEq(vault.collateral(ref()).amount, COLLATERAL - SLASHED, "the rest");
        assertEq(_held(BURN) - burnedBefore, SLASHED - TO_REPORTER - TO_OWNER, "burned");

        assertEq(_balance(reporter), BOND, "bond back");
        for (uint256 i; i < 5; ++i) {
            _withdraw(round.committee[i], FEE);
        }
        _withdraw(reporter, BOND);
        _assertManagerOwes(0);
        _payOut(0, reporter, TO_REPORTER);
        _payOut(1, owner.addr, TO_OWNER);
        _hostLeaves(COLLATERAL - SLASHED);
        for (uint256 k; k < 2; ++k) {
            assertTrue(registry.isBurned(modelId, 0, round.bundles[k]), "burned bundle");
        }
    }

    function test_innocentServingAnotherCopyIsDismissed() public {
        _assertDismissed(Behaviour.OtherCopy);
    }

    function test_innocentServingAnotherModelIsDismissed() public {
        _assertDismissed(Behaviour.OtherModel);
    }

    function test_silentDeploymentIsDismissed() public {
        _assertDismissed(Behaviour.Silent);
    }

    function test_ownerWithholdsQuestions() public {
        Round memory round = _drawn();
        skip(1 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Void);
        assertEq(_balance(reporter), BOND + FEES, "bond and fees back");
        _assertReleased(round, 0);
        _assertUntouched();
    }

    function test_ownerWithholdsKeysFromTheCommittee() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        // Three members got keys; the quorum of four can't form.
        for (uint256 i; i < 3; ++i) {
            _commitTags(round, i);
        }
        skip(2 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Void);
        assertEq(_balance(reporter), BOND + FEES, "bond and fees back");
        _assertReleased(round, 0);
        _assertUntouched();
    }

    function test_ownerWithholdsLeaves() public {
        Round memory round = _revealed(Behaviour.OwnCopy);
        skip(4 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Void);
        assertEq(_balance(reporter), BOND, "bond back");
        for (uint256 i; i < 5; ++i) {
            assertEq(_balance(round.committee[i]), FEE, "worked for nothing");
        }
        _assertReleased(round, 0);
        _assertUntouched();
    }

    function test_oneProverNeverReveals() public {
        (Round memory round,) = _revealedByFour(Behaviour.OwnCopy);
        skip(3 hours + 1);
        _openLeaves(round);
        skip(5 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(_balance(round.committee[4]), 0, "no fee");
        assertEq(provers.prover(round.committee[4]).stake, MIN_STAKE * 10 - 2 ether, "penalty");
        assertEq(_balance(reporter), BOND + FEE, "bond and the unused fee");
        assertEq(provers.prover(round.committee[0]).stake, MIN_STAKE * 10, "others keep theirs");
    }

    function test_tooManyProversNeverReveal() public {
        Round memory round = _committed(Behaviour.OwnCopy);
        for (uint256 i; i < 3; ++i) {
            _revealTags(round, i);
        }
        skip(3 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Void);
        assertEq(_balance(reporter), BOND + 2 * FEE, "bond and unused fees");
        for (uint256 i; i < 5; ++i) {
            uint128 penalty = i < 3 ? 0 : 2 ether;
            assertEq(provers.prover(round.committee[i]).stake, MIN_STAKE * 10 - penalty, "stake");
            assertEq(_balance(round.committee[i]), i < 3 ? FEE : 0, "fee");
        }
        _assertUntouched();
    }

    function test_oneProverNeverCommits() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < 4; ++i) {
            _commitTags(round, i);
        }
        skip(2 hours + 1);
        for (uint256 i; i < 4; ++i) {
            _revealTags(round, i);
        }
        round.tags[4] = "";
        _openLeaves(round);
        skip(5 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(provers.prover(round.committee[4]).stake, MIN_STAKE * 10 - 2 ether, "penalty");
    }

    function test_blindVoterIsPenalised() public {
        Round memory round = _posted(Behaviour.OwnCopy);
        round.tags[2] = _answers(round, Behaviour.Silent);
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        skip(5 hours + 1);
        _resolve(round);

        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(provers.prover(round.committee[2]).stake, MIN_STAKE * 10 - 1 ether, "penalty");
        assertEq(_balance(round.committee[2]), 0, "no fee");
        assertEq(_balance(reporter), BOND + FEE, "its fee returns");
    }

    function test_equivocationIsPunishedWithoutArbitrator() public {
        Receipt memory a = _receipt(7);
        Receipt memory b = _receipt(7);
        b.responseHash = keccak256("another response");
        _reportProof(reporter, Violation.Equivocation, a);
        bytes memory signatureA = _sign(a);
        bytes memory signatureB = _sign(b);
        vm.prank(reporter);
        manager.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);

        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
        assertEq(vault.collateral(ref()).amount, 0, "all of it");
        _payOut(0, reporter, COLLATERAL * 3 / 10);
        _payOut(1, owner.addr, COLLATERAL * 4 / 10);
    }

    function test_underMeteringIsPunished() public {
        Receipt memory receipt = _receipt(3);
        skip(2 days + 1);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        manager.proveUnderMetering(ref(), receipt, signature_, SALT);

        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
    }

    function test_hostServesAfterExpiry() public {
        skip(90 days);
        Receipt memory receipt = _receipt(3);
        receipt.servedAt = uint64(registry.license(licenseId).deadline) + 1;
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        manager.proveOutOfTerm(ref(), receipt, signature_, SALT);

        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
        _hostLeaves(COLLATERAL / 2);
    }

    // ---- Helpers

    function _assertDismissed(Behaviour behaviour) private {
        Round memory round = _judged(behaviour);
        _assertCase(round.caseId, CaseStatus.Dismissed);
        assertEq(round.outcome.hits, 0, "hits");
        assertEq(_balance(host.addr), BOND, "the accused gets the bond");
        assertEq(_balance(reporter), 0, "the reporter loses it");
        for (uint256 i; i < 5; ++i) {
            assertEq(_balance(round.committee[i]), FEE, "fee");
        }
        _assertReleased(round, 0);
        _assertManagerOwes(BOND + FEES);
        _assertUntouched();
    }

    /// @dev The accused keeps license and collateral, and nothing stays frozen.
    function _assertUntouched() private view {
        ICollateralVault.Collateral memory c = vault.collateral(ref());
        assertEq(c.amount, COLLATERAL, "collateral");
        assertEq(c.freezes, 0, "freezes");
        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Active));
        assertEq(vault.payoutCount(), 0, "payouts");
    }

    function _assertReleased(Round memory round, uint128 penalty) private view {
        for (uint256 i; i < round.committee.length; ++i) {
            assertEq(provers.prover(round.committee[i]).openCases, 0, "open cases");
            assertEq(provers.prover(round.committee[i]).stake, MIN_STAKE * 10 - penalty, "stake");
        }
    }

    function _withdraw(address account, uint256 expected) private {
        uint256 before = _held(account);
        address currency = _currency();
        vm.prank(account);
        assertEq(manager.withdrawBalance(currency, account), expected, "withdrawn");
        assertEq(_held(account) - before, expected, "received");
    }

    function _payOut(uint256 payoutId, address to, uint256 amount) private {
        ICollateralVault.Payout memory p = vault.payout(payoutId);
        assertEq(p.to, to, "payee");
        assertEq(p.amount, amount, "payout");
        if (block.timestamp < p.unlockAt) vm.warp(p.unlockAt);
        uint256 before = _held(to);
        vault.payOut(payoutId);
        assertEq(_held(to) - before, amount, "paid out");
    }

    function _hostLeaves(uint256 expected) private {
        vm.prank(host.addr);
        vault.startThaw(ref());
        skip(14 days);
        uint256 before = _held(host.addr);
        vm.prank(host.addr);
        vault.withdraw(ref());
        assertEq(_held(host.addr) - before, expected, "collateral returned");
    }

    function _held(address account) private view returns (uint256) {
        return _currency() == NATIVE ? account.balance : token.balanceOf(account);
    }
}

/// @title The same in the chain's native currency
contract EnforcementInNativeCurrency is Enforcement {
    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.currency = NATIVE;
    }
}
