// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_terminate is LicensingTest {
    function _expectWrongStatus(bytes32 id, LicenseStatus status) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, status
            )
        );
    }

    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyHost.selector, host.addr, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.terminate(ref);
    }

    function test_revertWhen_notJudge() public {
        (, bytes32 id) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_OnlyJudges.selector, owner.addr)
        );
        vm.prank(owner.addr);
        registry.terminateFor(id);
    }

    function test_revertWhen_neverActive() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        _expectWrongStatus(id, LicenseStatus.Seeded);
        vm.prank(host.addr);
        registry.terminate(ref);

        _expectWrongStatus(id, LicenseStatus.Seeded);
        vm.prank(proofs);
        registry.terminateFor(id);
    }

    function test_revertWhen_terminatedTwice() public {
        (LicenseRef memory ref, bytes32 id) = _terminated();
        _expectWrongStatus(id, LicenseStatus.Terminated);
        vm.prank(host.addr);
        registry.terminate(ref);
    }

    function test_terminates() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        skip(1 days);
        uint40 endedAt = uint40(vm.getBlockTimestamp());
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseTerminated(id, endedAt);
        vm.prank(host.addr);
        registry.terminate(ref);
        (LicenseStatus status, uint40 deadline) = registry.licenseState(id);
        assertEq(uint256(status), uint256(LicenseStatus.Terminated));
        assertEq(deadline, endedAt);
        assertFalse(registry.isActive(id, endedAt));
    }

    function test_keepsEarlierEnd() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        uint40 expiry = registry.license(id).deadline;
        skip(ref.terms.duration + 30 days);
        vm.prank(host.addr);
        registry.terminate(ref);
        assertEq(registry.license(id).deadline, expiry);
    }

    function test_terminatesForGuilt() public {
        (, bytes32 id) = _active();
        vm.prank(proofs);
        registry.terminateFor(id);
        _assertStatus(id, LicenseStatus.Terminated);
    }

    function test_doesNothingForTerminated() public {
        (, bytes32 id) = _terminated();
        uint40 deadline = registry.license(id).deadline;
        skip(1 days);
        vm.prank(proofs);
        registry.terminateFor(id);
        _assertStatus(id, LicenseStatus.Terminated);
        assertEq(registry.license(id).deadline, deadline);
    }
}
