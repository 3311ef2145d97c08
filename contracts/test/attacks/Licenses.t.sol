// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev What hosts and owners try around the life of a license.
contract LicenseAttacks is LicensingTest {
    /// @dev The host takes its collateral out before a case lands.
    function test_hostCannotWithdrawBeforeACaseLands() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.startPrank(host.addr);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_LicenseNotEnded.selector, id)
        );
        vault.startThaw(ref);
        registry.terminate(ref);
        vault.startThaw(ref);
        vm.stopPrank();
        skip(ref.terms.thawPeriod - 1);
        vm.prank(proofs);
        vault.freeze(id, ref.terms.collateral);
        skip(1 days);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_Frozen.selector, id, 1)
        );
        vm.prank(host.addr);
        vault.withdraw(ref);
        vm.startPrank(proofs);
        (uint128 slashed,,) = vault.slash(ref, _how(ref, 10_000, reporter, 7 days));
        vault.unfreeze(id);
        vm.stopPrank();
        assertEq(slashed, ref.terms.collateral);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_NothingToWithdraw.selector, id)
        );
        vm.prank(host.addr);
        vault.withdraw(ref);
    }

    /// @dev The host changes a term in the reference it passes, here to a thaw of one second.
    function test_hostCannotBringOtherTerms() public {
        (LicenseRef memory ref,) = _terminated();
        ref.terms.thawPeriod = 1;
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_LicenseNotEnded.selector, _id(ref)
            )
        );
        vm.prank(host.addr);
        vault.startThaw(ref);
    }

    /// @dev The host retires a deployment when it sees a report coming.
    function test_hostCannotRetireOutOfACase() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.startPrank(host.addr);
        registry.registerDeployment(ref, "https://host.example");
        registry.retireDeployment(ref, "https://host.example");
        assertEq(
            registry.deploymentLiableUntil(id, keccak256("https://host.example")),
            block.timestamp + ref.terms.thawPeriod
        );
    }

    /// @dev A host that buys and cancels raises the threshold of others by nothing.
    function test_cancelledPurchasesRaiseNoThreshold() public {
        (LicenseRef memory ref,) = _acquired(_terms());
        for (uint96 nonce = 2; nonce < 6; ++nonce) {
            ref.nonce = nonce;
            _acquire(ref);
        }
        skip(ref.terms.deliveryPeriod + 1);
        vm.startPrank(host.addr);
        for (uint96 nonce = 1; nonce < 6; ++nonce) {
            ref.nonce = nonce;
            registry.cancel(ref);
        }
        assertEq(registry.universe(modelId, 0).licenses, 0);
    }

    /// @dev The host terminates long after expiry, to make what it served meanwhile look in term.
    function test_hostCannotExtendItsTermByTerminating() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        (, uint40 expiry) = registry.licenseState(id);
        vm.warp(expiry + 100 days);
        vm.prank(host.addr);
        registry.terminate(ref);
        (, uint40 deadline) = registry.licenseState(id);
        assertEq(deadline, expiry);
    }

    /// @dev The owner sells and withholds the copy: fee and collateral come back.
    function test_ownerCannotKeepTheFeeOfAWithheldCopy() public {
        uint256 balanceBefore = token.balanceOf(host.addr);
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        assertEq(escrow.balanceOf(address(token), owner.addr), 0);
        skip(ref.terms.deliveryPeriod + 1);
        vm.prank(host.addr);
        registry.cancel(ref);
        assertEq(token.balanceOf(host.addr), balanceBefore);
        _assertStatus(id, LicenseStatus.Cancelled);
    }

    /// @dev The owner grinds roots: the seed's round lies behind the root, and no root replaces
    /// another.
    function test_ownerCannotGrindSeeds() public {
        ILicenseRegistry.Universe memory u = registry.universe(modelId, 0);
        assertGt(u.seedRound, vm.getBlockNumber());
        vm.prank(owner.addr);
        uint32 epoch = registry.commitUniverse(modelId, keccak256("ground root"), PERSONAL, 0);
        assertEq(epoch, 1);
        assertEq(registry.universe(modelId, 0).root, ROOT);
        (, bytes32 id) = _acquired(_terms());
        assertGt(registry.license(id).seedRound, vm.getBlockNumber());
        mine(3);
        registry.drawLicenseSeed(id);
        bytes32 seed = registry.license(id).seed;
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_AlreadySeeded.selector, id)
        );
        vm.prank(owner.addr);
        registry.drawLicenseSeed(id);
        assertEq(registry.license(id).seed, seed);
    }

    /// @dev Waiting until the value can't be had any more gives a new, again unknown one.
    function test_waitingForStalenessChoosesNothing() public {
        (, bytes32 id) = _acquired(_terms());
        uint48 round = registry.license(id).seedRound;
        mine(400);
        registry.drawLicenseSeed(id);
        uint48 moved = registry.license(id).seedRound;
        assertGt(moved, round);
        assertGt(moved, vm.getBlockNumber());
        assertEq(registry.license(id).seed, bytes32(0));
    }

    /// @dev A reporter who is the host itself gets at most half of its own collateral back.
    function test_selfReportLosesHalf() public {
        (LicenseRef memory ref,) = _active();
        vm.prank(proofs);
        (uint128 slashed, uint128 toReporter,) = vault.slash(ref, _how(ref, 10_000, host.addr, 0));
        assertLe(toReporter, slashed / 2);
    }
}
