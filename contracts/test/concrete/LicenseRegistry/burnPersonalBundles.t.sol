// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_burnPersonalBundles is LicensingTest {
    bytes32 internal constant SEED = keccak256("draw seed");
    uint32 internal constant BUNDLES = PERSONAL / 16;

    function _burn(bytes32 seed, uint8 count) private returns (uint32[] memory) {
        vm.prank(challengeManager);
        return registry.burnPersonalBundles(modelId, 0, seed, count);
    }

    function test_revertWhen_notChallengeManager() public {
        bytes memory reason = abi.encodeWithSelector(
            ILicenseRegistry.LicenseRegistry_OnlyChallengeManager.selector, owner.addr
        );
        vm.startPrank(owner.addr);
        vm.expectRevert(reason);
        registry.burnPersonalBundles(modelId, 0, SEED, 1);
        vm.expectRevert(reason);
        registry.countCase(modelId, 0);
    }

    function test_revertWhen_universeUnknown() public {
        bytes memory reason = abi.encodeWithSelector(
            ILicenseRegistry.LicenseRegistry_UnknownUniverse.selector, modelId, 9
        );
        vm.startPrank(challengeManager);
        vm.expectRevert(reason);
        registry.burnPersonalBundles(modelId, 9, SEED, 1);
        vm.expectRevert(reason);
        registry.countCase(modelId, 9);
    }

    function test_revertWhen_exhausted() public {
        _burn(SEED, uint8(BUNDLES) - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundlesExhausted.selector, 1, 2)
        );
        _burn(SEED, 2);
    }

    function test_picksByIndexAmongUnburned() public {
        uint32 first = uint32(uint256(keccak256(abi.encodePacked(SEED, uint32(0)))) % BUNDLES);
        uint32 index = uint32(uint256(keccak256(abi.encodePacked(SEED, uint32(1)))) % (BUNDLES - 1));
        uint32 second = index < first ? index : index + 1;

        vm.expectEmit(address(registry));
        emit ILicenseRegistry.BundleBurned(modelId, 0, first);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.BundleBurned(modelId, 0, second);
        uint32[] memory bundles = _burn(SEED, 2);

        assertEq(bundles.length, 2);
        assertEq(bundles[0], first);
        assertEq(bundles[1], second);
        assertTrue(registry.isBurned(modelId, 0, first));
        assertTrue(registry.isBurned(modelId, 0, second));
        assertEq(registry.universe(modelId, 0).burnedBundles, 2);
    }

    function test_burnsAllOnce() public {
        bool[] memory seen = new bool[](BUNDLES);
        for (uint256 i = 0; i < BUNDLES; ++i) {
            uint32 bundle = _burn(bytes32(i), 1)[0];
            assertLt(bundle, BUNDLES);
            assertFalse(seen[bundle], "burned twice");
            seen[bundle] = true;
        }
        assertEq(registry.universe(modelId, 0).burnedBundles, BUNDLES);
        assertFalse(registry.isBurned(modelId, 0, BUNDLES));
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundlesExhausted.selector, 0, 1)
        );
        _burn(SEED, 1);
    }

    function test_burnsNothingForZero() public {
        assertEq(_burn(SEED, 0).length, 0);
        assertEq(registry.universe(modelId, 0).burnedBundles, 0);
    }

    function test_keepsEpochsApart() public {
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, keccak256("second"), PERSONAL, 0);
        uint32 bundle = _burn(SEED, 1)[0];
        assertFalse(registry.isBurned(modelId, 1, bundle));
        assertEq(registry.universe(modelId, 1).burnedBundles, 0);
    }

    function test_countsCases() public {
        vm.startPrank(challengeManager);
        registry.countCase(modelId, 0);
        registry.countCase(modelId, 0);
        assertEq(registry.universe(modelId, 0).cases, 2);
    }
}
