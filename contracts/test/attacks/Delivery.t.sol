// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus, Terms } from "../../src/libraries/Types.sol";
import { LicensingTest } from "../utils/LicensingTest.sol";

/// @dev What hosts, owners and strangers try around the delivery of a copy. Neither side can end
/// with both the readable copy and the money.
contract DeliveryAttacks is LicensingTest {
    function _trial() private view returns (Terms memory terms) {
        terms = _terms();
        terms.trialPeriod = 7 days;
    }

    /// @dev The audited attack: the host takes the copy, never activates, and cancels. It can't
    /// read what it took before the key is on chain, and then it can't cancel.
    function test_hostKeepsTheCopyForNothing() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_trial());
        assertNotEq(registry.license(id).copyKey, COPY_KEY, "the key is not on chain");
        registry.deliverKey(ref, COPY_KEY);
        skip(ref.terms.deliveryPeriod + 2 days);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_WrongStatus.selector, id, LicenseStatus.Active
            )
        );
        vm.prank(host.addr);
        registry.cancel(ref);
    }

    /// @dev It sees the key in the mempool and cancels first: not before a day is over, and the
    /// owner sends no key that late.
    function test_hostCancelsBeforeTheKey() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_trial());
        skip(12 hours);
        (, uint40 deadline) = registry.licenseState(id);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_DeliveryNotOver.selector, id, deadline
            )
        );
        vm.prank(host.addr);
        registry.cancel(ref);
        registry.deliverKey(ref, COPY_KEY);
        _assertStatus(id, LicenseStatus.Active);
    }

    /// @dev It delays its acceptance to the last second, so that the owner would be late: the owner
    /// has a day from the acceptance on.
    function test_hostAcceptsAtTheLastMoment() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_trial());
        (, uint40 deadline) = registry.licenseState(id);
        vm.warp(deadline);
        _accept(ref);
        skip(1 days);
        vm.expectPartialRevert(ILicenseRegistry.LicenseRegistry_DeliveryNotOver.selector);
        vm.prank(host.addr);
        registry.cancel(ref);
        registry.deliverKey(ref, COPY_KEY);
        _assertStatus(id, LicenseStatus.Active);
    }

    /// @dev It names a hash of its own, to which no key of the owner's fits: its money waits for a
    /// day, and nobody else loses anything.
    function test_hostNamesAnotherHash() public {
        uint256 before = token.balanceOf(host.addr);
        (LicenseRef memory ref, bytes32 id) = _seeded(_trial());
        vm.prank(host.addr);
        registry.acceptCopy(ref, SEALED, keccak256("of no key"));
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_WrongKey.selector, id)
        );
        registry.deliverKey(ref, COPY_KEY);
        skip(1 days + 1);
        vm.prank(host.addr);
        registry.cancel(ref);
        assertEq(token.balanceOf(host.addr), before);
        assertEq(registry.universe(modelId, 0).licenses, 0);
    }

    /// @dev The owner takes the fee without a key, or with another one.
    function test_ownerTakesTheFeeWithoutTheKey() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_trial());
        vm.startPrank(owner.addr);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_NoFeeDue.selector, id)
        );
        registry.releaseFee(ref);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_WrongKey.selector, id)
        );
        registry.deliverKey(ref, keccak256("another key"));
        vm.stopPrank();
        skip(1 days + 1);
        vm.prank(host.addr);
        registry.cancel(ref);
        _assertStatus(id, LicenseStatus.Cancelled);
    }

    /// @dev The owner delivers a key of another license of the same host.
    function test_ownerBringsAnotherLicensesKey() public {
        (LicenseRef memory ref,) = _delivered(_trial());
        ref.nonce = 2;
        bytes32 second = _acquire(ref);
        mine(3);
        registry.drawLicenseSeed(second);
        vm.prank(host.addr);
        registry.acceptCopy(ref, SEALED, keccak256(abi.encode(keccak256("second key"))));
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_WrongKey.selector, second)
        );
        registry.deliverKey(ref, COPY_KEY);
    }

    /// @dev A liar costs the other side half a fee: of a copy that is no good half comes back, and
    /// what the owner keeps for it is the other half.
    function test_halfAFeeIsWhatALiarTakes() public {
        uint256 before = token.balanceOf(host.addr);
        (LicenseRef memory ref,) = _delivered(_trial());
        registry.releaseFee(ref);
        vm.startPrank(host.addr);
        registry.rejectCopy(ref);
        vault.startThaw(ref);
        skip(ref.terms.thawPeriod);
        vault.withdraw(ref);
        vm.stopPrank();
        assertEq(before - token.balanceOf(host.addr), ref.terms.licenseFee / 2);
    }

    /// @dev A rejected copy could be read, so its license counts, and is liable for leaks.
    function test_rejectedCopiesStayLiable() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_trial());
        vm.prank(host.addr);
        registry.rejectCopy(ref);
        assertEq(registry.universe(modelId, 0).licenses, 1);
        _assertStatus(id, LicenseStatus.Terminated);
        vm.prank(rounds);
        (uint128 slashed,,) = vault.slash(ref, _how(ref, 10_000, reporter, 7 days));
        assertEq(slashed, ref.terms.collateral, "the collateral has not left");
    }
}
