// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IServingKeys } from "../../../src/interfaces/IServingKeys.sol";
import { LicenseRef, ServingKey } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_revokeServingKey is LicensingTest {
    address private constant NEXT = address(0x4e0);

    function _revoke(LicenseRef memory ref, uint32 epoch) private {
        vm.prank(ref.host);
        registry.revokeServingKey(ref, epoch);
    }

    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(
                IServingKeys.ServingKeys_OnlyHost.selector, host.addr, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.revokeServingKey(ref, 0);
    }

    function test_revertWhen_noSuchEpoch() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.expectRevert(abi.encodeWithSelector(IServingKeys.ServingKeys_NoSuchKey.selector, id, 1));
        vm.prank(host.addr);
        registry.revokeServingKey(ref, 1);
    }

    function test_revertWhen_revokedBefore() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _revoke(ref, 0);
        skip(1 days);
        vm.expectRevert(abi.encodeWithSelector(IServingKeys.ServingKeys_Revoked.selector, id, 0));
        vm.prank(host.addr);
        registry.revokeServingKey(ref, 0);
    }

    function test_endsTheCurrentKey() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        skip(1 days);
        uint40 time = uint40(block.timestamp);
        vm.expectEmit(address(registry));
        emit IServingKeys.ServingKeyRevoked(id, 0, time);
        _revoke(ref, 0);

        ServingKey memory key = registry.servingKey(id, 0);
        assertEq(key.signer, servingKey, "signer");
        assertEq(key.until, time, "until");
        assertTrue(key.revoked, "revoked");
        assertEq(registry.servingKeys(id).length, 1, "no other key");
    }

    function test_revokesARetiredKey() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.prank(host.addr);
        registry.rotateServingKey(ref, NEXT);
        skip(30 days);
        _revoke(ref, 0);

        ServingKey memory key = registry.servingKey(id, 0);
        assertEq(key.until, block.timestamp, "until");
        assertTrue(key.revoked, "revoked");
        assertEq(registry.servingKey(id, 1).until, type(uint40).max, "the current one");
        assertFalse(registry.servingKey(id, 1).revoked, "the current one");
    }

    function test_needsNoActiveLicense() public {
        (LicenseRef memory ref, bytes32 id) = _terminated();
        _revoke(ref, 0);
        assertTrue(registry.servingKey(id, 0).revoked, "revoked");
    }
}
