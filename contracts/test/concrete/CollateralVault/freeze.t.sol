// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { LicenseRef } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract CollateralVault_freeze is LicensingTest {
    function test_revertWhen_notChallengeManager() public {
        (, bytes32 id) = _active();
        bytes memory reason = abi.encodeWithSelector(
            ICollateralVault.CollateralVault_OnlyChallengeManager.selector, owner.addr
        );
        vm.startPrank(owner.addr);
        vm.expectRevert(reason);
        vault.freeze(id, 1);
        vm.expectRevert(reason);
        vault.unfreeze(id);
    }

    function test_revertWhen_notFrozen() public {
        (, bytes32 id) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_NotFrozen.selector, id)
        );
        vm.prank(challengeManager);
        vault.unfreeze(id);
    }

    function test_freezesAddUp() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        uint128 bought = ref.terms.collateral;
        vm.startPrank(challengeManager);
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralFrozen(id, 1);
        vault.freeze(id, bought);
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralFrozen(id, 2);
        vault.freeze(id, bought);
        assertEq(vault.collateral(ref).freezes, 2);
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralUnfrozen(id, 1);
        vault.unfreeze(id);
        vault.unfreeze(id);
        assertEq(vault.collateral(ref).freezes, 0);
    }

    function test_revertWhen_nothingToFreeze() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.startPrank(challengeManager);
        vault.slash(ref, 10_000, reporter, 0);
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_NothingToFreeze.selector, id)
        );
        vault.freeze(id, ref.terms.collateral);
    }
}
