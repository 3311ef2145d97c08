// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { Parent, Royalty } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_registerModel is LicensingTest {
    bytes32 internal constant NEW_WEIGHTS = keccak256("new weights");

    function _parents(uint256 count, uint16 bps) private returns (Parent[] memory parents) {
        parents = new Parent[](count);
        for (uint256 i = 0; i < count; ++i) {
            bytes32 id = registry.registerModel(bytes32(i), METADATA, new Parent[](0));
            parents[i] = Parent(id, bps);
        }
    }

    function test_revertWhen_modelExists() public {
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_ModelExists.selector, modelId)
        );
        vm.prank(owner.addr);
        registry.registerModel(WEIGHTS, METADATA, new Parent[](0));
    }

    function test_revertWhen_tooManyParents() public {
        Parent[] memory parents = _parents(9, 100);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_TooManyParents.selector, 9, 8)
        );
        registry.registerModel(NEW_WEIGHTS, METADATA, parents);
    }

    function test_revertWhen_parentUnknown() public {
        Parent[] memory parents = new Parent[](1);
        parents[0] = Parent(keccak256("nobody's"), 100);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_UnknownModel.selector, parents[0].modelId
            )
        );
        registry.registerModel(NEW_WEIGHTS, METADATA, parents);
    }

    function test_revertWhen_parentTwice() public {
        Parent[] memory parents = new Parent[](2);
        parents[0] = Parent(parentModel, 100);
        parents[1] = Parent(parentModel, 200);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_DuplicateParent.selector, parentModel
            )
        );
        registry.registerModel(NEW_WEIGHTS, METADATA, parents);
    }

    function test_revertWhen_parentGetsNothing() public {
        Parent[] memory parents = _parents(1, 0);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BadRoyalties.selector, 0)
        );
        registry.registerModel(NEW_WEIGHTS, METADATA, parents);
    }

    function test_revertWhen_parentsGetTooMuch() public {
        Parent[] memory parents = _parents(2, 5000);
        parents[1].bps = 5001;
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BadRoyalties.selector, 10_001)
        );
        registry.registerModel(NEW_WEIGHTS, METADATA, parents);
    }

    function test_registers() public {
        Parent[] memory parents = new Parent[](1);
        parents[0] = Parent(parentModel, 10_000);
        bytes32 expected = keccak256(
            abi.encode(block.chainid, address(registry), stranger, NEW_WEIGHTS, METADATA)
        );
        Royalty[] memory royalties = new Royalty[](1);
        royalties[0] = Royalty(parentOwner.addr, 10_000);

        vm.expectEmit(address(registry));
        emit ILicenseRegistry.ModelRegistered(expected, stranger, NEW_WEIGHTS, METADATA, royalties);
        vm.prank(stranger);
        bytes32 id = registry.registerModel(NEW_WEIGHTS, METADATA, parents);

        assertEq(id, expected);
        assertEq(registry.modelOwner(id), stranger);
        assertEq(registry.epochs(id), 0);
    }

    function test_allowsEightParents() public {
        Parent[] memory parents = _parents(8, 1250);
        bytes32 id = registry.registerModel(NEW_WEIGHTS, METADATA, parents);
        assertEq(registry.modelOwner(id), address(this));
    }

    function test_keepsOwnersApart() public {
        vm.prank(stranger);
        bytes32 id = registry.registerModel(WEIGHTS, METADATA, new Parent[](0));
        assertNotEq(id, modelId);
        assertEq(registry.modelOwner(modelId), owner.addr);
    }
}
