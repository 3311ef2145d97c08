// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IServingKeys } from "../../../src/interfaces/IServingKeys.sol";
import { LicenseRef, ServingKey } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_rotateServingKey is LicensingTest {
    address private constant NEXT = address(0x4e0);
    uint40 private constant NEVER = type(uint40).max;

    function _rotate(LicenseRef memory ref, address next) private returns (uint32) {
        vm.prank(ref.host);
        return registry.rotateServingKey(ref, next);
    }

    function _assertKey(bytes32 id, uint32 epoch, ServingKey memory expected) private view {
        assertEq(
            keccak256(abi.encode(registry.servingKey(id, epoch))),
            keccak256(abi.encode(expected)),
            "key"
        );
    }

    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(
                IServingKeys.ServingKeys_OnlyHost.selector, host.addr, owner.addr
            )
        );
        vm.prank(owner.addr);
        registry.rotateServingKey(ref, NEXT);
    }

    function test_revertWhen_neverBought() public {
        LicenseRef memory ref = _ref(_terms());
        bytes32 id = _id(ref);
        vm.expectRevert(abi.encodeWithSelector(IServingKeys.ServingKeys_NoSuchKey.selector, id, 0));
        vm.prank(host.addr);
        registry.rotateServingKey(ref, NEXT);
    }

    function test_revertWhen_noNextKey() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(IServingKeys.ServingKeys_NoSigner.selector);
        vm.prank(host.addr);
        registry.rotateServingKey(ref, address(0));
    }

    function test_namesTheNextKey() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        uint40 bought = registry.servingKey(id, 0).from;
        skip(1 days);
        uint40 time = uint40(block.timestamp);
        vm.expectEmit(address(registry));
        emit IServingKeys.ServingKeyRotated(id, 1, NEXT);
        assertEq(_rotate(ref, NEXT), 1, "epoch");

        _assertKey(id, 0, ServingKey(servingKey, bought, time + 1 hours, false));
        _assertKey(id, 1, ServingKey(NEXT, time, NEVER, false));
        _assertKey(id, 2, ServingKey(address(0), 0, 0, false));
        assertEq(registry.servingKeys(id).length, 2, "keys");
    }

    function test_leavesTheEndOfARevokedKey() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.prank(host.addr);
        registry.revokeServingKey(ref, 0);
        uint40 revoked = uint40(block.timestamp);
        skip(1 days);
        _rotate(ref, NEXT);
        assertEq(registry.servingKey(id, 0).until, revoked, "until");
        assertTrue(registry.servingKey(id, 0).revoked, "revoked");
    }

    function test_leavesTheKeysOfEarlierEpochs() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        _rotate(ref, NEXT);
        bytes32 before = keccak256(abi.encode(registry.servingKey(id, 0)));
        skip(1 days);
        assertEq(_rotate(ref, address(0x4e1)), 2, "epoch");
        assertEq(keccak256(abi.encode(registry.servingKey(id, 0))), before, "the first key");
        assertEq(registry.servingKey(id, 1).until, uint40(block.timestamp) + 1 hours, "until");
    }

    function test_namesTheSameAccountAgain() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        assertEq(_rotate(ref, servingKey), 1, "epoch");
        assertEq(registry.servingKey(id, 1).signer, servingKey, "signer");
    }

    function test_needsNoActiveLicense() public {
        (LicenseRef memory acquired,) = _acquired(_terms());
        assertEq(_rotate(acquired, NEXT), 1, "before the term");
        LicenseRef memory other = LicenseRef(acquired.terms, host.addr, 2);
        bytes32 id = _acquire(other);
        mine(3);
        registry.drawLicenseSeed(id);
        _deliver(other);
        vm.startPrank(host.addr);
        registry.terminate(other);
        vm.stopPrank();
        assertEq(_rotate(other, NEXT), 1, "after the term");
    }
}
