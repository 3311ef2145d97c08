// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_drawUniverseSeed is LicensingTest {
    bytes32 internal subject;

    function setUp() public override {
        super.setUp();
        subject = keccak256(abi.encode(modelId, uint32(0)));
    }

    function test_revertWhen_universeUnknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_UnknownUniverse.selector, modelId, 1
            )
        );
        registry.drawUniverseSeed(modelId, 1);
    }

    function test_revertWhen_pending() public {
        uint48 round = registry.universe(modelId, 0).seedRound;
        mine(2);
        assertEq(vm.getBlockNumber(), round);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_SeedPending.selector, subject, round
            )
        );
        registry.drawUniverseSeed(modelId, 0);
    }

    function test_revertWhen_alreadySeeded() public {
        mine(3);
        registry.drawUniverseSeed(modelId, 0);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_AlreadySeeded.selector, subject)
        );
        registry.drawUniverseSeed(modelId, 0);
    }

    function test_movesStaleRound() public {
        mine(2 + 257);
        uint48 round = uint48(vm.getBlockNumber()) + 2;
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.SeedRoundMoved(subject, round);
        registry.drawUniverseSeed(modelId, 0);

        assertEq(registry.universe(modelId, 0).seed, bytes32(0));
        assertEq(registry.universe(modelId, 0).seedRound, round);
        mine(3);
        registry.drawUniverseSeed(modelId, 0);
        assertNotEq(registry.universe(modelId, 0).seed, bytes32(0));
    }

    function test_draws() public {
        bytes32 value = keccak256("block hash");
        mine(2);
        mineWithHash(value);
        bytes32 expected = keccak256(bytes.concat(value, bytes20(address(registry)), subject));

        vm.expectEmit(address(registry));
        emit ILicenseRegistry.UniverseSeeded(modelId, 0, expected);
        vm.prank(stranger);
        registry.drawUniverseSeed(modelId, 0);
        assertEq(registry.universe(modelId, 0).seed, expected);
    }
}
