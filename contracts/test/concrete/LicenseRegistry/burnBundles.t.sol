// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_burnBundles is LicensingTest {
    bytes32 internal constant SEED = keccak256("draw seed");
    uint32 internal constant BUNDLES = PERSONAL / 16;

    function _burn(bytes32 seed, uint8 count) private returns (uint32[] memory) {
        vm.prank(proofs);
        return registry.burnBundles(modelId, 0, seed, count, 0);
    }

    function test_revertWhen_notJudge() public {
        bytes memory reason = abi.encodeWithSelector(
            ILicenseRegistry.LicenseRegistry_OnlyJudges.selector, owner.addr
        );
        vm.startPrank(owner.addr);
        vm.expectRevert(reason);
        registry.burnBundles(modelId, 0, SEED, 1, 0);
        vm.expectRevert(reason);
        registry.countCase(modelId, 0, 0, 0);
    }

    function test_revertWhen_universeUnknown() public {
        bytes memory reason = abi.encodeWithSelector(
            ILicenseRegistry.LicenseRegistry_UnknownUniverse.selector, modelId, 9
        );
        vm.startPrank(proofs);
        vm.expectRevert(reason);
        registry.burnBundles(modelId, 9, SEED, 1, 0);
        vm.expectRevert(reason);
        registry.countCase(modelId, 9, 0, 0);
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
        vm.startPrank(proofs);
        registry.countCase(modelId, 0, 0, 0);
        (,, uint32 cases, uint32 licenses, uint32 left) = registry.countCase(modelId, 0, 0, 0);
        assertEq(registry.universe(modelId, 0).cases, 2);
        assertEq(cases, 2);
        assertEq(licenses, 0);
        assertEq(left, BUNDLES);
    }

    function test_countCaseTellsWhatIsLiable() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.prank(host.addr);
        registry.registerDeployment(ref, "https://host.example");
        bytes32 deployment = keccak256("https://host.example");
        vm.startPrank(proofs);
        (LicenseStatus status, uint40 until, uint32 cases, uint32 licenses,) =
            registry.countCase(modelId, 0, id, deployment);
        assertEq(uint8(status), uint8(LicenseStatus.Active), "active");
        assertEq(until, registry.deploymentLiableUntil(id, deployment), "liable");
        assertEq(until, type(uint40).max, "for as long as it is registered");
        assertEq(cases, 1, "cases");
        assertEq(licenses, 1, "licenses");
        (status, until,,,) = registry.countCase(modelId, 0, keccak256("none"), deployment);
        assertEq(uint8(status), uint8(LicenseStatus.None), "no such license");
        assertEq(until, 0, "not liable");
    }

    function _burnShared(bytes32 seed, uint8 personal, uint8 shared)
        private
        returns (uint32[] memory)
    {
        vm.prank(proofs);
        return registry.burnBundles(modelId, 0, seed, personal, shared);
    }

    function test_drawsNoSharedBundlesWithoutModelSeed() public {
        assertEq(_burnShared(SEED, 1, 2).length, 1);
        assertEq(registry.universe(modelId, 0).burnedShared, 0);
    }

    function test_drawsSharedBundlesAfterPersonalOnes() public {
        mine(3);
        registry.drawUniverseSeed(modelId, 0);
        uint32 count = SHARED / 16;
        bool[] memory seen = new bool[](count);
        for (uint32 i; i < count; ++i) {
            uint32[] memory bundles = _burnShared(bytes32(uint256(i)), 1, 1);
            assertEq(bundles.length, 2);
            assertLt(bundles[0], BUNDLES);
            assertGe(bundles[1], BUNDLES);
            assertLt(bundles[1], BUNDLES + count);
            assertFalse(seen[bundles[1] - BUNDLES], "burned twice");
            seen[bundles[1] - BUNDLES] = true;
            assertTrue(registry.isBurned(modelId, 0, bundles[1]));
        }
        assertEq(registry.universe(modelId, 0).burnedShared, count);
        assertEq(registry.universe(modelId, 0).burnedBundles, count);
        // What is left is what is drawn; a case never fails for want of shared bundles.
        assertEq(_burnShared("more", 1, 3).length, 1);
    }

    function test_picksSharedBundlesByIndexAmongUnburned() public {
        mine(3);
        registry.drawUniverseSeed(modelId, 0);
        uint32 count = SHARED / 16;
        uint32 index = uint32(uint256(keccak256(abi.encodePacked(SEED, uint32(1)))) % count);
        assertEq(_burnShared(SEED, 1, 1)[1], BUNDLES + index);
    }
}
