// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_commitCases is LicensingTest {
    bytes32 private constant CASES = keccak256("root of the words");

    function _commit(LicenseRef memory ref, bytes32 root) private {
        vm.prank(owner.addr);
        registry.commitCases(ref, root);
    }

    function _expectStatus(LicenseRef memory ref, LicenseStatus status) private {
        bytes32 id = _id(ref);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, status
            )
        );
        _commit(ref, CASES);
    }

    function test_revertWhen_notOwner() public {
        (LicenseRef memory ref,) = _active();
        address[3] memory others = [host.addr, rounds, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ILicenseRegistry.LicenseRegistry_OnlyTermsOwner.selector, owner.addr, others[i]
                )
            );
            vm.prank(others[i]);
            registry.commitCases(ref, CASES);
        }
    }

    /// @dev Terms that name another owner are those of no license.
    function test_revertWhen_termsForged() public {
        (LicenseRef memory ref,) = _active();
        ref.terms.owner = stranger;
        bytes32 id = _id(ref);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, LicenseStatus.None
            )
        );
        vm.prank(stranger);
        registry.commitCases(ref, CASES);
    }

    function test_revertWhen_neverAcquired() public {
        _expectStatus(_ref(_terms()), LicenseStatus.None);
    }

    function test_revertWhen_cancelled() public {
        (LicenseRef memory ref,) = _acquired(_terms());
        skip(ref.terms.deliveryPeriod + 1);
        vm.prank(host.addr);
        registry.cancel(ref);
        _expectStatus(ref, LicenseStatus.Cancelled);
    }

    function test_revertWhen_rootEmpty() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(ILicenseRegistry.LicenseRegistry_EmptyRoot.selector);
        _commit(ref, 0);
    }

    function test_revertWhen_committedBefore() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _commit(ref, CASES);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_CasesCommitted.selector, id)
        );
        _commit(ref, keccak256("better words"));
    }

    function test_commits() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        skip(5);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.CasesCommitted(id, CASES);
        _commit(ref, CASES);
        ILicenseRegistry.License memory l = registry.license(id);
        assertEq(l.casesRoot, CASES, "root");
        assertEq(l.casesAt, vm.getBlockTimestamp(), "time");
        _assertStatus(id, LicenseStatus.Active);
    }

    /// @dev The words can stand before the copy does, and be sealed as soon as it does.
    function test_commitsBeforeTheActivation() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        _commit(ref, CASES);
        mine(3);
        registry.drawLicenseSeed(id);
        _deliver(ref);
        assertEq(registry.license(id).casesRoot, CASES, "kept");
    }

    function test_commitsAfterTheEnd() public {
        (LicenseRef memory ref, bytes32 id) = _terminated();
        _commit(ref, CASES);
        assertEq(registry.license(id).casesRoot, CASES, "root");
    }
}
