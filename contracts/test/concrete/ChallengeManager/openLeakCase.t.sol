// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseStatus, LicenseRef, LicenseStatus, Terms } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

abstract contract LeakCaseTest is CaseTest {
    string internal constant LEAK = "https://leak.example/v1";

    function _openLeak() internal returns (Round memory round) {
        deployment = keccak256(bytes(LEAK));
        _reportCase(reporter);
        vm.prank(reporter);
        round.caseId = manager.openLeakCase(ref(), LEAK, SALT);
        round.id = _caseRef(ref(), deployment, reporter, true);
    }

    function _judgedLeak(Behaviour behaviour) internal returns (Round memory round) {
        round = _openLeak();
        _draw(round);
        _post(round);
        _ask(round, behaviour);
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        skip(5 hours + 1);
        _resolve(round);
    }
}

contract ChallengeManager_openLeakCase is LeakCaseTest {
    function test_revertWhen_registered() public {
        _reportCase(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_DeploymentRegistered.selector, deployment
            )
        );
        vm.prank(reporter);
        manager.openLeakCase(ref(), URI, SALT);
    }

    function test_revertWhen_levelNotAccepted() public {
        Terms memory terms = _terms();
        terms.evidenceLevels = 1;
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_LevelNotAccepted.selector, 2)
        );
        manager.openLeakCase(LicenseRef(terms, host.addr, 1), LEAK, SALT);
    }

    function test_opensWithoutFreezing() public {
        Round memory round = _openLeak();
        assertEq(manager.caseIdOf(round.id), round.caseId, "id");
        _assertCase(round.caseId, CaseStatus.Opened);
        assertEq(vault.collateral(ref()).freezes, 0, "the host has not registered it");
        assertEq(registry.universe(modelId, 0).cases, 1, "counted all the same");
        _assertManagerOwes(BOND + FEES);
    }

    function test_announcesTheUri() public {
        deployment = keccak256(bytes(LEAK));
        _reportCase(reporter);
        bytes32 expected = keccak256(
            abi.encode(
                block.chainid,
                address(manager),
                licenseId,
                deployment,
                reporter,
                uint40(block.timestamp),
                uint32(1),
                uint32(1),
                true
            )
        );
        vm.expectEmit(address(manager));
        emit IChallengeTypes.DeploymentAccused(expected, deployment, LEAK);
        vm.prank(reporter);
        manager.openLeakCase(ref(), LEAK, SALT);
    }

    /// @dev The owner could have deployed the copy itself, so the verdict is a flag.
    function test_flagsAndSlashesNobody() public {
        Round memory round = _judgedLeak(Behaviour.OwnCopy);
        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(manager.flagOf(deployment), round.caseId, "flag");
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Active));
        assertEq(_balance(reporter), BOND, "bond");
        _assertManagerOwes(BOND + FEES);
    }

    function test_flagsNothingWhenDismissed() public {
        Round memory round = _judgedLeak(Behaviour.OtherCopy);
        _assertCase(round.caseId, CaseStatus.Dismissed);
        assertEq(manager.flagOf(deployment), bytes32(0), "flag");
        assertEq(_balance(host.addr), BOND, "bond");
    }

    function test_registeredDeploymentsAreNotFlagged() public {
        Round memory round = _judged(Behaviour.OwnCopy);
        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(manager.flagOf(deployment), bytes32(0), "flag");
    }
}

contract ChallengeManager_leakLiability is LeakCaseTest {
    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.leakLiability = true;
    }

    function test_freezes() public {
        _openLeak();
        assertEq(vault.collateral(ref()).freezes, 1, "freezes");
    }

    function test_slashesAndFlags() public {
        Round memory round = _judgedLeak(Behaviour.OwnCopy);
        assertEq(manager.flagOf(deployment), round.caseId, "flag");
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 5, "collateral");
        assertEq(vault.collateral(ref()).freezes, 0, "freezes");
        assertEq(uint256(registry.license(licenseId).status), uint256(LicenseStatus.Terminated));
    }
}
