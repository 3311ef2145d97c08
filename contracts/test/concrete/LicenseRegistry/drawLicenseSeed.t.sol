// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_drawLicenseSeed is LicensingTest {
    function _expectWrongStatus(bytes32 id, LicenseStatus status) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, status
            )
        );
        registry.drawLicenseSeed(id);
    }

    function test_revertWhen_licenseUnknown() public {
        _expectWrongStatus(keccak256("unknown"), LicenseStatus.None);
    }

    function test_revertWhen_cancelled() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        skip(ref.terms.deliveryPeriod + 1);
        vm.prank(host.addr);
        registry.cancel(ref);
        _expectWrongStatus(id, LicenseStatus.Cancelled);
    }

    function test_revertWhen_pending() public {
        (, bytes32 id) = _acquired(_terms());
        uint48 round = registry.license(id).seedRound;
        mine(2);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_SeedPending.selector, id, round)
        );
        registry.drawLicenseSeed(id);
    }

    function test_revertWhen_alreadySeeded() public {
        (, bytes32 id) = _seeded(_terms());
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_AlreadySeeded.selector, id)
        );
        registry.drawLicenseSeed(id);
    }

    function test_movesStaleRound() public {
        (, bytes32 id) = _acquired(_terms());
        mine(2 + 257);
        uint48 round = uint48(vm.getBlockNumber()) + 2;
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.SeedRoundMoved(id, round);
        registry.drawLicenseSeed(id);
        _assertStatus(id, LicenseStatus.Acquired);
        assertEq(registry.license(id).seed, bytes32(0));
        assertEq(registry.license(id).seedRound, round);
    }

    function test_draws() public {
        (, bytes32 id) = _acquired(_terms());
        bytes32 value = keccak256("block hash");
        mine(2);
        mineWithHash(value);
        bytes32 expected = keccak256(bytes.concat(value, bytes20(address(registry)), id));

        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseSeeded(id, expected);
        vm.prank(stranger);
        registry.drawLicenseSeed(id);
        assertEq(registry.license(id).seed, expected);
        _assertStatus(id, LicenseStatus.Seeded);
    }
}
