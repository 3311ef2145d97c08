// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract CollateralVault_freeze is LicensingTest {
    function test_revertWhen_notChallengeManager() public {
        (, bytes32 id) = _active();
        bytes memory reason = abi.encodeWithSelector(
            ICollateralVault.CollateralVault_OnlyChallengeManager.selector, owner.addr
        );
        vm.startPrank(owner.addr);
        vm.expectRevert(reason);
        vault.freeze(id);
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
        (, bytes32 id) = _active();
        vm.startPrank(challengeManager);
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralFrozen(id, 1);
        vault.freeze(id);
        vault.freeze(id);
        assertEq(vault.collateral(id).freezes, 2);
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralUnfrozen(id, 1);
        vault.unfreeze(id);
        vault.unfreeze(id);
        assertEq(vault.collateral(id).freezes, 0);
    }
}
