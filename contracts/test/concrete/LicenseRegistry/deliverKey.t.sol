// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_deliverKey is LicensingTest {
    function test_revertWhen_notAccepted() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        _expectStatus(id, LicenseStatus.Seeded);
        registry.deliverKey(ref, COPY_KEY);
    }

    function test_revertWhen_deliveredTwice() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_terms());
        _expectStatus(id, LicenseStatus.Active);
        registry.deliverKey(ref, COPY_KEY);
    }

    function testFuzz_revertWhen_wrongKey(bytes32 key) public {
        vm.assume(key != COPY_KEY);
        (LicenseRef memory ref, bytes32 id) = _accepted(_terms());
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_WrongKey.selector, id)
        );
        registry.deliverKey(ref, key);
    }

    function test_delivers() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_terms());
        uint40 expiry = uint40(block.timestamp) + ref.terms.duration;
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseActivated(id, COPY_KEY, expiry);
        vm.prank(owner.addr);
        registry.deliverKey(ref, COPY_KEY);

        ILicenseRegistry.License memory l = registry.license(id);
        assertEq(uint256(l.status), uint256(LicenseStatus.Active));
        assertEq(l.deadline, expiry);
        assertEq(l.sealedRoot, SEALED);
        assertEq(l.copyKey, COPY_KEY);
        assertEq(l.trialEnd, 0, "no trial");
        assertTrue(l.feeDue);
        assertEq(registry.universe(modelId, 0).licenses, 1);
        assertTrue(registry.isActive(id, expiry));
        assertFalse(registry.isActive(id, expiry + 1));
        assertEq(token.balanceOf(address(escrow)), 0, "money moved");
    }

    function test_startsTheTrial() public {
        Terms memory terms = _terms();
        terms.trialPeriod = 7 days;
        (, bytes32 id) = _delivered(terms);
        assertEq(registry.license(id).trialEnd, block.timestamp + 7 days);
        assertEq(registry.license(id).feeDue, true);
    }

    /// @dev Of a fee of one unit no half can be held.
    function test_deliversWithoutFee() public {
        for (uint128 fee = 0; fee < 2; ++fee) {
            Terms memory terms = _terms();
            (terms.licenseFee, terms.trialPeriod) = (fee, 7 days);
            (, bytes32 id) = _delivered(terms);
            _assertStatus(id, LicenseStatus.Active);
            assertEq(registry.license(id).trialEnd, 0, "nothing on trial");
            assertEq(registry.license(id).feeDue, fee != 0, "due");
        }
    }

    function test_takesTheKeyFromAnyone() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_terms());
        vm.prank(stranger);
        registry.deliverKey(ref, COPY_KEY);
        _assertStatus(id, LicenseStatus.Active);
    }

    function test_deliversLate() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_terms());
        skip(2 days);
        registry.deliverKey(ref, COPY_KEY);
        _assertStatus(id, LicenseStatus.Active);
    }

    /// @dev Only terms that punish an unlicensed model pay for the round.
    function test_notesTheNextRound() public {
        (, bytes32 id) = _delivered(_terms());
        assertEq(registry.activationRound(id), 0, "not asked for");
        Terms memory terms = _terms();
        terms.slash.unlicensedModelBps = 1;
        LicenseRef memory ref;
        (ref, id) = _accepted(terms);
        assertEq(registry.activationRound(id), 0, "not active");
        uint48 round = uint48(vm.getBlockNumber()) + 2;
        registry.deliverKey(ref, COPY_KEY);
        assertEq(registry.activationRound(id), round, "next round");
    }

    function _expectStatus(bytes32 id, LicenseStatus status) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, status
            )
        );
    }
}
