// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_burnOpened is LicensingTest {
    uint32 internal constant BUNDLES = PERSONAL / 16;

    function _list(uint32 a, uint32 b) private pure returns (uint32[] memory bundles) {
        bundles = new uint32[](2);
        (bundles[0], bundles[1]) = (a, b);
    }

    function _expectBurned(uint32 a, uint32 b, uint32 named) private {
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundleBurned.selector, named)
        );
        vm.prank(proofs);
        registry.burnOpened(modelId, 0, _list(a, b));
    }

    function test_revertWhen_notJudge() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyJudges.selector, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.burnOpened(modelId, 0, _list(0, 1));
    }

    function test_revertWhen_universeUnknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_UnknownUniverse.selector, modelId, 9
            )
        );
        vm.prank(proofs);
        registry.burnOpened(modelId, 9, _list(0, 1));
    }

    function test_revertWhen_notLeft() public {
        _expectBurned(1, 1, 1);
        _expectBurned(0, BUNDLES, BUNDLES);
        vm.prank(proofs);
        registry.burnOpened(modelId, 0, _list(0, 1));
        _expectBurned(2, 0, 0);
    }

    function test_burnsAndCounts() public {
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.BundleBurned(modelId, 0, BUNDLES - 1);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.BundleBurned(modelId, 0, 2);
        vm.prank(proofs);
        registry.burnOpened(modelId, 0, _list(BUNDLES - 1, 2));
        for (uint32 b; b < BUNDLES; ++b) {
            assertEq(registry.isBurned(modelId, 0, b), b == 2 || b == BUNDLES - 1, "burned");
        }
        assertEq(registry.universe(modelId, 0).burnedBundles, 2, "count");
    }

    function test_drawsFindOnlyWhatIsLeft() public {
        vm.startPrank(proofs);
        registry.burnOpened(modelId, 0, _list(1, 2));
        uint8 left = uint8(BUNDLES - 2);
        uint32[] memory drawn = registry.burnBundles(modelId, 0, "seed", left, 0);
        for (uint256 i; i < drawn.length; ++i) {
            assertTrue(drawn[i] != 1 && drawn[i] != 2, "drawn again");
        }
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundlesExhausted.selector, 0, 1)
        );
        registry.burnBundles(modelId, 0, "seed", 1, 0);
    }

    function test_burnsInEveryWord() public {
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, ROOT, 16 * 600, 16);
        vm.prank(proofs);
        registry.burnOpened(modelId, 1, _list(300, 599));
        for (uint32 b; b < 600; ++b) {
            assertEq(registry.isBurned(modelId, 1, b), b == 300 || b == 599, "burned");
        }
    }

    /// @dev The last word of the part is full, and every bundle of it is drawn in the end.
    function test_drawsAllOfAFullWord() public {
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, ROOT, 16 * 256, 16);
        vm.startPrank(proofs);
        registry.burnBundles(modelId, 1, "seed", 255, 0);
        registry.burnBundles(modelId, 1, "seed", 1, 0);
        for (uint32 b; b < 256; ++b) {
            assertTrue(registry.isBurned(modelId, 1, b), "burned");
        }
    }

    function test_drawsAllOfTheSharedPart() public {
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, ROOT, 16 * 4, 16 * 20);
        mine(3);
        registry.drawUniverseSeed(modelId, 1);
        vm.prank(proofs);
        uint32[] memory drawn = registry.burnBundles(modelId, 1, "seed", 2, 255);
        assertEq(drawn.length, 22, "two and all of the shared part");
        for (uint32 b = 4; b < 24; ++b) {
            assertTrue(registry.isBurned(modelId, 1, b), "burned");
        }
    }

    function test_activationRound() public {
        (, bytes32 id) = _active();
        assertEq(registry.activationRound(id), 0, "not asked for");
        Terms memory terms = _terms();
        terms.slash.unlicensedModelBps = 1;
        LicenseRef memory ref;
        (ref, id) = _seeded(terms);
        assertEq(registry.activationRound(id), 0, "not active");
        uint48 round = uint48(vm.getBlockNumber()) + 2;
        vm.prank(ref.host);
        registry.activate(ref, "artefact");
        assertEq(registry.activationRound(id), round, "next round");
    }
}
