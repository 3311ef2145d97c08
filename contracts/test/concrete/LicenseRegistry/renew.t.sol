// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import { LicenseRef, NATIVE, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_renew is LicensingTest {
    function _renew(LicenseRef memory ref, uint256 value) private {
        vm.prank(host.addr);
        registry.renew{ value: value }(ref);
    }

    function test_revertWhen_notHost() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyHost.selector, host.addr, stranger
            )
        );
        vm.prank(stranger);
        registry.renew(ref);
    }

    function test_revertWhen_notRunning() public {
        (LicenseRef memory ref, bytes32 id) = _seeded(_terms());
        bytes memory reason =
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_NotActive.selector, id);
        vm.expectRevert(reason);
        _renew(ref, 0);
        _deliver(ref);
        vm.warp(registry.license(id).deadline + 1);
        vm.expectRevert(reason);
        _renew(ref, 0);
    }

    function test_revertWhen_offerWithdrawn() public {
        (LicenseRef memory ref,) = _active();
        vm.prank(owner.addr);
        registry.withdrawOffer(ref.terms);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OfferNotOpen.selector,
                registry.offerIdOf(ref.terms)
            )
        );
        _renew(ref, 0);
    }

    function test_revertWhen_tooFarAhead() public {
        Terms memory terms = _terms();
        terms.duration = 3650 days;
        (LicenseRef memory ref, bytes32 id) = _active(terms);
        uint40 expiry = registry.license(id).deadline;
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_TermTooLong.selector, expiry + 3650 days, expiry
            )
        );
        _renew(ref, 0);
    }

    function test_renews() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        uint40 expiry = registry.license(id).deadline + ref.terms.duration;
        uint256 before = token.balanceOf(host.addr);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseRenewed(id, expiry);
        _renew(ref, 0);
        assertEq(registry.license(id).deadline, expiry, "expiry");
        assertEq(token.balanceOf(host.addr), before - 50 ether, "fee");
        assertEq(escrow.balanceOf(address(token), owner.addr), 90 ether, "owner, twice");
        assertEq(escrow.balanceOf(address(token), parentOwner.addr), 10 ether, "parent, twice");
        assertTrue(registry.isActive(id, expiry), "active until then");
    }

    function test_renewsUntilTheLongestTerm() public {
        Terms memory terms = _terms();
        terms.duration = 1825 days;
        (LicenseRef memory ref, bytes32 id) = _active(terms);
        _renew(ref, 0);
        assertEq(registry.license(id).deadline, block.timestamp + 3650 days, "ten years");
    }

    function test_takesAFeeOfOneUnit() public {
        Terms memory terms = _terms();
        terms.licenseFee = 1;
        (LicenseRef memory ref,) = _active(terms);
        _renew(ref, 0);
        assertEq(escrow.balanceOf(address(token), owner.addr), 2, "owner, twice");
    }

    function test_renewsInNative() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 50 ether));
        _renew(ref, 1);
        _renew(ref, 50 ether);
        assertEq(address(escrow).balance, 100 ether);
    }

    function test_renewsWithoutFee() public {
        Terms memory terms = _terms();
        terms.licenseFee = 0;
        (LicenseRef memory ref, bytes32 id) = _active(terms);
        uint40 expiry = registry.license(id).deadline;
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 0));
        _renew(ref, 1);
        _renew(ref, 0);
        assertEq(registry.license(id).deadline, expiry + terms.duration);
    }
}
