// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { CaseStatus, LicenseRef, Terms } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_openCase is CaseTest {
    function _openBy(address by, bytes32 deployment_) private returns (bytes32) {
        vm.prank(by);
        return manager.openCase(ref(), deployment_, SALT);
    }

    function test_revertWhen_levelNotAccepted() public {
        Terms memory terms = _terms();
        terms.evidenceLevels = 1;
        vm.prank(owner.addr);
        registry.publishOffer(terms);
        LicenseRef memory ref_ = LicenseRef(terms, host.addr, 2);
        licenseId = _activeLicense(ref_);
        _reportCase(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_LevelNotAccepted.selector, 2)
        );
        vm.prank(reporter);
        manager.openCase(ref_, deployment, SALT);
    }

    function test_revertWhen_notCommitted() public {
        _reportCase(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotCommitted.selector,
                keccak256(abi.encode(reporter, keccak256(abi.encode(licenseId, deployment)), SALT))
            )
        );
        _openBy(reporter, deployment);
    }

    function test_revertWhen_collateralGone() public {
        vm.startPrank(host.addr);
        registry.terminate(ref());
        vault.startThaw(ref());
        skip(14 days);
        vault.withdraw(ref());
        vm.stopPrank();
        _reportCase(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_NothingToFreeze.selector, licenseId
            )
        );
        _openBy(reporter, deployment);
    }

    /// @dev The registry's own reason comes through.
    function test_revertWhen_universeUnknown() public {
        LicenseRef memory other = ref();
        other.terms.epoch = 7;
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_UnknownUniverse.selector, modelId, 7
            )
        );
        vm.prank(reporter);
        manager.openCase(other, deployment, SALT);
    }

    function test_revertWhen_deploymentUnknown() public {
        deployment = keccak256("https://elsewhere.example");
        _reportCase(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_DeploymentNotLiable.selector, deployment, 0
            )
        );
        _openBy(reporter, deployment);
    }

    function test_revertWhen_deploymentRetiredLongAgo() public {
        vm.prank(host.addr);
        registry.retireDeployment(ref(), URI);
        uint40 liableUntil = uint40(block.timestamp) + 14 days;
        _commitReport(reporter, keccak256(abi.encode(licenseId, deployment)));
        vm.warp(liableUntil + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_DeploymentNotLiable.selector,
                deployment,
                liableUntil
            )
        );
        _openBy(reporter, deployment);
    }

    function test_revertWhen_tooFewBundles() public {
        // The universe has 8 personal bundles, of which each case burns 2.
        for (uint256 i; i < 4; ++i) {
            _drawn();
            skip(1 hours);
        }
        _reportCase(reporter);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooFewBundles.selector, 0, 2)
        );
        _openBy(reporter, deployment);
    }

    function test_revertWhen_bondDoesNotCome() public {
        _reportCase(stranger);
        // The token library's error for a transfer that the token refuses.
        vm.expectRevert(
            abi.encodeWithSelector(
                Currency.Currency_PullRefused.selector, address(token), stranger, 1.5 ether
            )
        );
        _openBy(stranger, deployment);
        assertEq(vault.collateral(ref()).freezes, 0, "freezes");
    }

    function test_opens() public {
        _reportCase(reporter);
        uint256 before = token.balanceOf(reporter);
        uint40 openedAt = uint40(block.timestamp);
        bytes32 expected = keccak256(
            abi.encode(
                block.chainid,
                address(manager),
                licenseId,
                deployment,
                reporter,
                openedAt,
                uint32(1),
                uint32(1),
                false
            )
        );
        vm.expectEmit(address(manager));
        emit IChallengeTypes.CaseOpened(
            expected,
            licenseId,
            reporter,
            deployment,
            uint48(block.number) + 2,
            BOND,
            openedAt,
            1,
            1,
            false
        );
        bytes32 caseId = _openBy(reporter, deployment);

        assertEq(caseId, expected, "case id");
        assertEq(
            manager.caseIdOf(_caseRef(ref(), deployment, reporter, false)), expected, "by reference"
        );
        assertEq(before - token.balanceOf(reporter), BOND + FEES, "taken");
        assertEq(vault.collateral(ref()).freezes, 1, "freezes");
        assertEq(registry.universe(modelId, 0).cases, 1, "cases of the universe");
        IChallengeTypes.Case memory c = manager.caseOf(caseId);
        assertEq(uint256(c.status), uint256(CaseStatus.Opened));
        assertEq(c.deadline, block.timestamp + 1 hours);
        assertEq(c.facts, bytes32(0), "no facts yet");
        (IBeacon.Status status,) = manager.beacon().valueOf(c.seedRound);
        assertEq(uint256(status), uint256(IBeacon.Status.Pending), "seed is not out");
    }

    function test_raisesTheThresholdWithEachCaseAndLicense() public {
        Round memory first = _open();
        _activeLicense(LicenseRef(_terms(), host.addr, 2));
        Round memory second = _open();
        assertNotEq(first.caseId, second.caseId, "case ids");
        assertEq(int256(_threshold(second.id)), int256(EValue.threshold(1e9, 2, 2)), "threshold");
        assertEq(
            int256(_threshold(second.id)),
            int256(_threshold(first.id)) + 2 * (int256(1) << 32),
            "two bits more"
        );
        assertEq(vault.collateral(ref()).freezes, 2, "freezes");
    }

    function test_acceptsLicenseThatHasEnded() public {
        vm.prank(host.addr);
        registry.terminate(ref());
        _assertCase(_open().caseId, CaseStatus.Opened);
    }

    function test_acceptsDeploymentRetiredLately() public {
        vm.prank(host.addr);
        registry.retireDeployment(ref(), URI);
        skip(14 days - 60);
        _assertCase(_open().caseId, CaseStatus.Opened);
    }
}
