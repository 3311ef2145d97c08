// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_burn is LicensingTest {
    uint32 internal constant BUNDLES = PERSONAL / 16;

    function _list(uint32 a, uint32 b) private pure returns (uint32[] memory bundles) {
        bundles = new uint32[](2);
        (bundles[0], bundles[1]) = (a, b);
    }

    function _today() private view returns (uint16) {
        return uint16(vm.getBlockTimestamp() / 1 days);
    }

    function _burn(uint32 a, uint32 b) private {
        vm.prank(rounds);
        registry.burn(modelId, 0, _list(a, b));
    }

    function _expectBurned(uint32 a, uint32 b, uint32 named) private {
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BundleBurned.selector, named)
        );
        _burn(a, b);
    }

    function test_revertWhen_notJudge() public {
        address[3] memory others = [owner.addr, host.addr, stranger];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ILicenseRegistry.LicenseRegistry_OnlyJudges.selector, others[i]
                )
            );
            vm.prank(others[i]);
            registry.burn(modelId, 0, _list(0, 1));
        }
    }

    function test_revertWhen_universeUnknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_UnknownUniverse.selector, modelId, 9
            )
        );
        vm.prank(proofs);
        registry.burn(modelId, 9, _list(0, 1));
    }

    function test_revertWhen_namedTwice() public {
        _expectBurned(1, 1, 1);
    }

    function test_revertWhen_notPersonal() public {
        _expectBurned(0, BUNDLES, BUNDLES);
    }

    function test_revertWhen_burnedBefore() public {
        _burn(0, 1);
        skip(10 days);
        _expectBurned(2, 0, 0);
    }

    function test_burnsOfTheDayAndCounts() public {
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.BundleBurned(modelId, 0, BUNDLES - 1);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.BundleBurned(modelId, 0, 2);
        _burn(BUNDLES - 1, 2);
        uint16 first = _today();
        skip(3 days);
        vm.prank(proofs);
        registry.burn(modelId, 0, _list(3, 16));
        for (uint32 b; b < BUNDLES; ++b) {
            uint16 expected;
            if (b == 2 || b == BUNDLES - 1) expected = first;
            if (b == 3 || b == 16) expected = first + 3;
            assertEq(registry.burnedOn(modelId, 0, b), expected, "day");
        }
        assertEq(registry.universe(modelId, 0).burnedBundles, 4, "count");
    }

    function test_burnsNothing() public {
        vm.prank(rounds);
        registry.burn(modelId, 0, new uint32[](0));
        assertEq(registry.universe(modelId, 0).burnedBundles, 0);
    }

    function test_burnsTheWholePart() public {
        for (uint32 b; b < BUNDLES; b += 2) {
            _burn(b, b + 1);
        }
        assertEq(registry.universe(modelId, 0).burnedBundles, BUNDLES, "all");
        assertEq(registry.burnedOn(modelId, 0, BUNDLES), 0, "and nothing behind");
    }

    function test_keepsEpochsApart() public {
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, keccak256("second"), PERSONAL, 0);
        _burn(4, 5);
        assertEq(registry.burnedOn(modelId, 1, 4), 0);
        assertEq(registry.universe(modelId, 1).burnedBundles, 0);
    }
}
