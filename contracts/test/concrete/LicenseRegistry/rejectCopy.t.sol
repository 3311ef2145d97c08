// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { LicenseRef, LicenseStatus, NATIVE, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_rejectCopy is LicensingTest {
    function _trial() internal view returns (Terms memory terms) {
        terms = _terms();
        terms.trialPeriod = 7 days;
    }

    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _delivered(_trial());
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyHost.selector, host.addr, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.rejectCopy(ref);
    }

    function test_revertWhen_notActive() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_trial());
        _expectStatus(id, LicenseStatus.Accepted);
        _reject(ref);

        registry.deliverKey(ref, COPY_KEY);
        _reject(ref);
        _expectStatus(id, LicenseStatus.Terminated);
        _reject(ref);
    }

    /// @dev A convicted host has lost the right, though its trial runs.
    function test_revertWhen_convicted() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_trial());
        vm.prank(rounds);
        registry.terminateFor(id);
        _expectStatus(id, LicenseStatus.Terminated);
        _reject(ref);
    }

    function test_revertWhen_noTrial() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_terms());
        _expectOver(id, 0);
        _reject(ref);
    }

    function test_revertWhen_trialOver() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_trial());
        uint40 end = uint40(block.timestamp) + 7 days;
        vm.warp(uint256(end) + 1);
        _expectOver(id, end);
        _reject(ref);
    }

    function test_rejects() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_trial());
        skip(7 days);
        uint256 before = token.balanceOf(host.addr);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.CopyRejected(id);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseTerminated(id, uint40(block.timestamp));
        vm.expectEmit(address(vault));
        emit ICollateralVault.FeeRefunded(id, host.addr, 25 ether);
        _reject(ref);

        ILicenseRegistry.License memory l = registry.license(id);
        assertEq(uint256(l.status), uint256(LicenseStatus.Terminated));
        assertEq(l.deadline, block.timestamp);
        assertEq(l.trialEnd, 0);
        assertEq(token.balanceOf(host.addr) - before, 25 ether, "half");
        assertEq(vault.collateral(ref).amount, ref.terms.collateral, "collateral stays");
        registry.releaseFee(ref);
        assertEq(token.balanceOf(address(vault)), ref.terms.collateral, "vault");
        assertEq(escrow.balanceOf(address(token), owner.addr), 22.5 ether, "owner has its half");
    }

    function test_rejectsInNativeCurrency() public {
        Terms memory terms = _termsIn(NATIVE);
        terms.trialPeriod = 7 days;
        (LicenseRef memory ref,) = _delivered(terms);
        uint256 before = host.addr.balance;
        _reject(ref);
        assertEq(host.addr.balance - before, 25 ether);
    }

    function _reject(LicenseRef memory ref) private {
        vm.prank(host.addr);
        registry.rejectCopy(ref);
    }

    function _expectStatus(bytes32 id, LicenseStatus status) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, status
            )
        );
    }

    function _expectOver(bytes32 id, uint40 end) private {
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_TrialOver.selector, id, end)
        );
    }
}
