// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, LicenseStatus, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_withdrawOffer is LicensingTest {
    function test_revertWhen_callerNotOwner() public {
        Terms memory terms = _terms();
        _publish(terms);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyTermsOwner.selector, owner.addr, stranger
            )
        );
        vm.prank(stranger);
        registry.withdrawOffer(terms);
    }

    function test_revertWhen_notOpen() public {
        Terms memory terms = _terms();
        bytes32 offerId = registry.offerIdOf(terms);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_OfferNotOpen.selector, offerId)
        );
        vm.prank(owner.addr);
        registry.withdrawOffer(terms);
    }

    function test_withdraws() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        bytes32 offerId = registry.offerIdOf(ref.terms);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.OfferWithdrawn(offerId);
        vm.prank(owner.addr);
        registry.withdrawOffer(ref.terms);

        assertFalse(registry.isOfferOpen(offerId));
        _deliver(ref);
        _assertStatus(id, LicenseStatus.Active);
    }
}
