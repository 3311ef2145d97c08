// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_commitUniverse is LicensingTest {
    function test_revertWhen_notModelOwner() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyModelOwner.selector, modelId, stranger
            )
        );
        vm.prank(stranger);
        registry.commitUniverse(modelId, ROOT, 16, 16);
    }

    function test_revertWhen_modelUnknown() public {
        bytes32 unknown = keccak256("unknown");
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyModelOwner.selector, unknown, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.commitUniverse(unknown, ROOT, 16, 16);
    }

    function test_revertWhen_rootEmpty() public {
        vm.expectRevert(ILicenseRegistry.LicenseRegistry_EmptyRoot.selector);
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, 0, 16, 16);
    }

    function test_revertWhen_sizeBad() public {
        _expectBadSize(0, 16);
        _expectBadSize(17, 16);
        _expectBadSize(16, 8);
        _expectBadSize(1 << 20, 16);
        _expectBadSize(type(uint32).max - 15, type(uint32).max - 15);
    }

    function _expectBadSize(uint32 personal, uint32 shared) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_BadUniverseSize.selector, personal, shared
            )
        );
        vm.prank(owner.addr);
        registry.commitUniverse(modelId, ROOT, personal, shared);
    }

    function test_commits() public {
        bytes32 root = keccak256("second root");
        uint48 round = uint48(block.number) + 2;
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.UniverseCommitted(modelId, 1, root, 1 << 20, 0, round);
        vm.prank(owner.addr);
        uint32 epoch = registry.commitUniverse(modelId, root, 1 << 20, 0);

        assertEq(epoch, 1);
        assertEq(registry.epochs(modelId), 2);
        ILicenseRegistry.Universe memory u = registry.universe(modelId, 1);
        assertEq(u.root, root);
        assertEq(u.seed, bytes32(0));
        assertEq(u.personalCount, 1 << 20);
        assertEq(u.sharedCount, 0);
        assertEq(u.seedRound, round);
        assertEq(u.licenses, 0);
        assertEq(u.burnedBundles, 0);
        assertEq(registry.universe(modelId, 0).root, ROOT);
    }
}
