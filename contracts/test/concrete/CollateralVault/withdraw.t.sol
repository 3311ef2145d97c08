// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { LicenseRef, NATIVE } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract CollateralVault_withdraw is LicensingTest {
    function _startThaw(LicenseRef memory ref) private {
        vm.prank(host.addr);
        vault.startThaw(ref);
    }

    function _withdraw(LicenseRef memory ref) private {
        vm.prank(host.addr);
        vault.withdraw(ref);
    }

    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _terminated();
        bytes memory reason = abi.encodeWithSelector(
            ICollateralVault.CollateralVault_OnlyHost.selector, host.addr, stranger
        );
        vm.startPrank(stranger);
        vm.expectRevert(reason);
        vault.startThaw(ref);
        vm.expectRevert(reason);
        vault.withdraw(ref);
    }

    function test_startThaw_revertWhen_notEnded() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        bytes memory reason =
            abi.encodeWithSelector(ICollateralVault.CollateralVault_LicenseNotEnded.selector, id);
        vm.expectRevert(reason);
        _startThaw(ref);
        vm.warp(registry.license(id).deadline);
        vm.expectRevert(reason);
        _startThaw(ref);
    }

    function test_startThaw_revertWhen_neverActive() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        skip(365 days);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_LicenseNotEnded.selector, id)
        );
        _startThaw(ref);
    }

    function test_startThaw_revertWhen_thawing() public {
        (LicenseRef memory ref, bytes32 id) = _terminated();
        _startThaw(ref);
        uint40 thawEnd = vault.collateral(ref).thawEnd;
        skip(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollateralVault.CollateralVault_AlreadyThawing.selector, id, thawEnd
            )
        );
        _startThaw(ref);
    }

    function test_startThaw_afterExpiry() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.warp(registry.license(id).deadline + 1);
        uint40 thawEnd = uint40(vm.getBlockTimestamp()) + ref.terms.thawPeriod;
        vm.expectEmit(address(vault));
        emit ICollateralVault.ThawStarted(id, thawEnd);
        _startThaw(ref);
        assertEq(vault.collateral(ref).thawEnd, thawEnd);
    }

    function test_revertWhen_notThawed() public {
        (LicenseRef memory ref, bytes32 id) = _terminated();
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_NotThawed.selector, id, 0)
        );
        _withdraw(ref);

        _startThaw(ref);
        uint40 thawEnd = vault.collateral(ref).thawEnd;
        vm.warp(thawEnd - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_NotThawed.selector, id, thawEnd)
        );
        _withdraw(ref);
    }

    function test_revertWhen_nothingLeft() public {
        (LicenseRef memory ref, bytes32 id) = _terminated();
        _startThaw(ref);
        skip(ref.terms.thawPeriod);
        _withdraw(ref);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_NothingToWithdraw.selector, id)
        );
        _withdraw(ref);
    }

    function test_withdraws() public {
        (LicenseRef memory ref, bytes32 id) = _terminated();
        _startThaw(ref);
        skip(ref.terms.thawPeriod);
        uint256 balanceBefore = token.balanceOf(host.addr);
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralWithdrawn(
            id, host.addr, address(token), ref.terms.collateral
        );
        _withdraw(ref);
        assertEq(token.balanceOf(host.addr), balanceBefore + ref.terms.collateral);
        assertEq(vault.collateral(ref).amount, 0);
    }

    function test_withdrawsInNative() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        vm.prank(host.addr);
        registry.terminate(ref);
        _startThaw(ref);
        skip(ref.terms.thawPeriod);
        uint256 balanceBefore = host.addr.balance;
        _withdraw(ref);
        assertEq(host.addr.balance, balanceBefore + ref.terms.collateral);
    }

    function test_withdrawsTheRestAfterSlash() public {
        (LicenseRef memory ref,) = _terminated();
        _startThaw(ref);
        vm.prank(proofs);
        vault.slash(ref, _how(ref, 2500, reporter, 7 days));
        skip(ref.terms.thawPeriod);
        uint256 balanceBefore = token.balanceOf(host.addr);
        _withdraw(ref);
        assertEq(token.balanceOf(host.addr), balanceBefore + ref.terms.collateral * 3 / 4);
    }
}
