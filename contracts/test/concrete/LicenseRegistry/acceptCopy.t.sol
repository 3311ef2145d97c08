// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_acceptCopy is LicensingTest {
    bytes32 internal constant KEY_HASH = keccak256("key hash");

    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _seeded(_terms());
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyHost.selector, host.addr, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.acceptCopy(ref, SEALED, KEY_HASH);
    }

    function test_revertWhen_notSeeded() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        _expectStatus(id, LicenseStatus.Acquired);
        _accept(ref);
    }

    function test_revertWhen_acceptedTwice() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_terms());
        _expectStatus(id, LicenseStatus.Accepted);
        _accept(ref);
    }

    function test_revertWhen_termsChanged() public {
        (LicenseRef memory ref,) = _seeded(_terms());
        ref.terms.duration += 1;
        _expectStatus(registry.licenseIdOf(ref), LicenseStatus.None);
        _accept(ref);
    }

    function test_revertWhen_noRoot() public {
        (LicenseRef memory ref,) = _seeded(_terms());
        vm.expectRevert(ILicenseRegistry.LicenseRegistry_EmptyRoot.selector);
        vm.prank(host.addr);
        registry.acceptCopy(ref, 0, KEY_HASH);
    }

    function test_accepts() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        uint40 deadline = uint40(block.timestamp) + 1 days;
        uint256 held = token.balanceOf(address(vault));
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.CopyAccepted(id, SEALED, KEY_HASH, deadline);
        vm.prank(host.addr);
        registry.acceptCopy(ref, SEALED, KEY_HASH);

        ILicenseRegistry.License memory l = registry.license(id);
        assertEq(uint256(l.status), uint256(LicenseStatus.Accepted));
        assertEq(l.deadline, deadline);
        assertEq(l.sealedRoot, SEALED);
        assertEq(l.copyKey, KEY_HASH);
        assertEq(registry.universe(modelId, 0).licenses, 0, "not readable yet");
        assertFalse(registry.isActive(id, deadline));
        assertEq(token.balanceOf(address(vault)), held, "money moved");
    }

    function test_acceptsLate() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        skip(ref.terms.deliveryPeriod + 1 days);
        _accept(ref);
        assertEq(registry.license(id).deadline, block.timestamp + 1 days);
    }

    function _expectStatus(bytes32 id, LicenseStatus status) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, status
            )
        );
    }
}
