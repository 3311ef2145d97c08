// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_activate is LicensingTest {
    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _seeded(_terms());
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyHost.selector, host.addr, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.activate(ref, ARTEFACT);
    }

    function test_revertWhen_notSeeded() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, LicenseStatus.Acquired
            )
        );
        vm.prank(host.addr);
        registry.activate(ref, ARTEFACT);
    }

    function test_revertWhen_termsChanged() public {
        (LicenseRef memory ref,) = _seeded(_terms());
        ref.terms.duration += 1;
        bytes32 other = registry.licenseIdOf(ref);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, other, LicenseStatus.None
            )
        );
        vm.prank(host.addr);
        registry.activate(ref, ARTEFACT);
    }

    function test_revertWhen_activatedTwice() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, LicenseStatus.Active
            )
        );
        vm.prank(host.addr);
        registry.activate(ref, ARTEFACT);
    }

    function test_revertWhen_noArtefactHash() public {
        (LicenseRef memory ref,) = _seeded(_terms());
        vm.expectRevert(ILicenseRegistry.LicenseRegistry_NoArtefactHash.selector);
        vm.prank(host.addr);
        registry.activate(ref, 0);
    }

    function test_activates() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        uint40 expiry = uint40(block.timestamp) + ref.terms.duration;
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseActivated(id, ARTEFACT, expiry);
        vm.prank(host.addr);
        registry.activate(ref, ARTEFACT);

        ILicenseRegistry.License memory l = registry.license(id);
        assertEq(uint256(l.status), uint256(LicenseStatus.Active));
        assertEq(l.deadline, expiry);
        assertEq(l.artefactHash, ARTEFACT);
        assertEq(registry.universe(modelId, 0).licenses, 1);
        assertTrue(registry.isActive(id, expiry));
        assertFalse(registry.isActive(id, expiry + 1));

        uint256 toParent = uint256(ref.terms.licenseFee) * PARENT_BPS / 10_000;
        assertEq(escrow.balanceOf(address(token), parentOwner.addr), toParent);
        assertEq(escrow.balanceOf(address(token), owner.addr), ref.terms.licenseFee - toParent);
    }

    function test_activatesWithoutFee() public {
        Terms memory terms = _terms();
        terms.licenseFee = 0;
        (, bytes32 id) = _active(terms);
        _assertStatus(id, LicenseStatus.Active);
        assertEq(escrow.balanceOf(address(token), owner.addr), 0);
    }

    function test_activatesLate() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        skip(ref.terms.deliveryPeriod + 1 days);
        vm.prank(host.addr);
        registry.activate(ref, ARTEFACT);
        _assertStatus(id, LicenseStatus.Active);
    }

    /// @dev Only terms that punish an unlicensed model pay for the round.
    function test_notesTheNextRound() public {
        (, bytes32 id) = _active();
        assertEq(registry.activationRound(id), 0, "not asked for");
        Terms memory terms = _terms();
        terms.slash.unlicensedModelBps = 1;
        LicenseRef memory ref;
        (ref, id) = _seeded(terms);
        assertEq(registry.activationRound(id), 0, "not active");
        uint48 round = uint48(vm.getBlockNumber()) + 2;
        vm.prank(ref.host);
        registry.activate(ref, ARTEFACT);
        assertEq(registry.activationRound(id), round, "next round");
    }
}
