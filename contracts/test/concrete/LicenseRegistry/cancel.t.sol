// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus, NATIVE, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";
import { Vm } from "../../utils/Vm.sol";

contract LicenseRegistry_cancel is LicensingTest {
    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _acquired(_terms());
        skip(ref.terms.deliveryPeriod + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyHost.selector, host.addr, stranger
            )
        );
        vm.prank(stranger);
        registry.cancel(ref);
    }

    function test_revertWhen_active() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        skip(ref.terms.duration + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, LicenseStatus.Active
            )
        );
        vm.prank(host.addr);
        registry.cancel(ref);
    }

    function test_revertWhen_keyDeadlineNotOver() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_terms());
        skip(1 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_DeliveryNotOver.selector, id, block.timestamp
            )
        );
        vm.prank(host.addr);
        registry.cancel(ref);
    }

    function test_cancelsWithoutAKey() public {
        uint256 before = token.balanceOf(host.addr);
        (LicenseRef memory ref, bytes32 id) = _accepted(_terms());
        skip(1 days + 1);
        vm.prank(host.addr);
        registry.cancel(ref);
        _assertStatus(id, LicenseStatus.Cancelled);
        assertEq(token.balanceOf(host.addr), before, "everything came back");
    }

    function test_revertWhen_cancelledTwice() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        skip(ref.terms.deliveryPeriod + 1);
        vm.startPrank(host.addr);
        registry.cancel(ref);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, LicenseStatus.Cancelled
            )
        );
        registry.cancel(ref);
    }

    function test_revertWhen_deliveryNotOver() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        uint40 deadline = registry.license(id).deadline;
        vm.warp(deadline);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_DeliveryNotOver.selector, id, deadline
            )
        );
        vm.prank(host.addr);
        registry.cancel(ref);
    }

    function test_cancelsAcquired() public {
        uint256 balanceBefore = token.balanceOf(host.addr);
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        vm.prank(host.addr);
        vault.topUp(ref, 7 ether);
        vm.warp(registry.license(id).deadline + 1);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseCancelled(id);
        vm.prank(host.addr);
        registry.cancel(ref);

        _assertStatus(id, LicenseStatus.Cancelled);
        assertEq(token.balanceOf(host.addr), balanceBefore);
        assertEq(vault.collateral(ref).amount, 0);
        assertEq(token.balanceOf(address(escrow)), 0);
    }

    function test_cancelsSeededInNative() public {
        uint256 balanceBefore = host.addr.balance;
        (LicenseRef memory ref, bytes32 id) = _seeded(_termsIn(NATIVE));
        skip(ref.terms.deliveryPeriod + 1);
        vm.prank(host.addr);
        registry.cancel(ref);
        _assertStatus(id, LicenseStatus.Cancelled);
        assertEq(host.addr.balance, balanceBefore);
    }

    function test_tellsOfTheFeeRefunded() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        skip(ref.terms.deliveryPeriod + 1);
        vm.expectEmit(address(vault));
        emit ICollateralVault.FeeRefunded(id, host.addr, ref.terms.licenseFee);
        vm.prank(host.addr);
        registry.cancel(ref);
    }

    function test_cancelsWithoutFee() public {
        Terms memory terms = _terms();
        terms.licenseFee = 0;
        uint256 balanceBefore = token.balanceOf(host.addr);
        (LicenseRef memory ref, bytes32 id) = _acquired(terms);
        skip(ref.terms.deliveryPeriod + 1);
        vm.recordLogs();
        vm.prank(host.addr);
        registry.cancel(ref);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            assertNotEq(logs[i].topics[0], ICollateralVault.FeeRefunded.selector, "no fee");
        }
        _assertStatus(id, LicenseStatus.Cancelled);
        assertEq(token.balanceOf(host.addr), balanceBefore);
    }

    function test_keepsNonceUsed() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        skip(ref.terms.deliveryPeriod + 1);
        vm.startPrank(host.addr);
        registry.cancel(ref);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_LicenseExists.selector, id)
        );
        registry.acquire(ref.terms, ref.nonce, servingKey, ENCRYPTION_KEY);
    }
}
