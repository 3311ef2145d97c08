// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev What hosts and owners try around the life of a license.
contract LicenseAttacks is LicensingTest {
    string private constant URI = "https://host.example";

    /// @dev The host takes its collateral out before a round that runs is opened: the thaw is
    /// longer than any round.
    function test_hostCannotWithdrawBeforeARoundEnds() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.startPrank(host.addr);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_LicenseNotEnded.selector, id)
        );
        vault.startThaw(ref);
        registry.terminate(ref);
        vault.startThaw(ref);
        vm.stopPrank();
        // Sealed in the last block before the end; opened at the last moment.
        skip(2 days);
        assertGt(ref.terms.thawPeriod, 2 days, "longer than a round");
        vm.prank(rounds);
        (uint128 slashed,,) = vault.slash(ref, _how(ref, 10_000, reporter, 7 days));
        assertEq(slashed, ref.terms.collateral);
        skip(ref.terms.thawPeriod);
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

    /// @dev The host retires a deployment when it sees a round coming.
    function test_hostCannotRetireOutOfARound() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.startPrank(host.addr);
        registry.registerDeployment(ref, URI);
        registry.retireDeployment(ref, URI);
        assertEq(
            registry.deployment(id, keccak256(bytes(URI))).liableUntil,
            block.timestamp + ref.terms.thawPeriod
        );
    }

    /// @dev The host registers anew every day, so that no round would find it registered when it
    /// was sealed: it stays as old as it was.
    function test_hostCannotRegisterOutOfRounds() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.startPrank(host.addr);
        registry.registerDeployment(ref, URI);
        uint256 since = vm.getBlockTimestamp();
        for (uint256 day; day < 60; ++day) {
            skip(1 days);
            registry.retireDeployment(ref, URI);
            ILicenseRegistry.Deployment memory d = registry.deployment(id, keccak256(bytes(URI)));
            assertEq(d.registeredAt, since, "between");
            assertGe(d.liableUntil, vm.getBlockTimestamp() + 2 days, "liable for a round");
            registry.registerDeployment(ref, URI);
            d = registry.deployment(id, keccak256(bytes(URI)));
            assertEq(d.registeredAt, since, "again");
        }
    }

    /// @dev An owner commits words, sees draws, and wants others.
    function test_ownerCannotChangeItsWords() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.startPrank(owner.addr);
        registry.commitCases(ref, keccak256("words"));
        bytes memory reason =
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_CasesCommitted.selector, id);
        vm.expectRevert(reason);
        registry.commitCases(ref, keccak256("better words"));
        registry.withdrawOffer(ref.terms);
        registry.publishOffer(ref.terms);
        vm.expectRevert(reason);
        registry.commitCases(ref, keccak256("better words"));
    }

    /// @dev A universe of which everything but one bundle is gone: a draw gives up after 1024
    /// candidates, which an opening can pay for.
    function test_drawOfAUsedUpUniverseIsBounded() public {
        uint32 bundles = 4096;
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, ROOT, 16 * bundles, 0);
        uint32[] memory page = new uint32[](512);
        for (uint32 first; first < bundles; first += 512) {
            for (uint32 j; j < 512; ++j) {
                page[j] = first + j;
            }
            // The very last one is left.
            if (first + 512 == bundles) {
                assembly ("memory-safe") {
                    mstore(page, 511)
                }
            }
            vm.prank(rounds);
            registry.burn(modelId, 1, page);
        }
        skip(1 days);
        uint40 sealedAt = uint40(vm.getBlockTimestamp());
        uint256 before = gasleft();
        (uint32[] memory drawn,) = registry.drawBundles(modelId, 1, "seed", 16, sealedAt);
        uint256 used = before - gasleft();
        assertLe(drawn.length, 1, "what is left");
        // 256 words to read for the first time, and 1024 hashes.
        assertLt(used, 2_500_000, "gas");
        emit log_named_uint("gas of a draw of a used-up universe", used);
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
