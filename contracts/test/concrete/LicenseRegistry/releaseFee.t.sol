// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef, Terms } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_releaseFee is LicensingTest {
    function _trial() internal view returns (Terms memory terms) {
        terms = _terms();
        terms.trialPeriod = 7 days;
    }

    function test_revertWhen_notDelivered() public {
        (LicenseRef memory ref, bytes32 id) = _accepted(_trial());
        _expectNothing(id);
        registry.releaseFee(ref);
    }

    function test_revertWhen_noFee() public {
        Terms memory terms = _trial();
        terms.licenseFee = 0;
        (LicenseRef memory ref, bytes32 id) = _delivered(terms);
        skip(8 days);
        _expectNothing(id);
        registry.releaseFee(ref);
    }

    function test_releasesAllWithoutATrial() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_terms());
        vm.prank(stranger);
        registry.releaseFee(ref);
        _assertReleased(ref, 50 ether, 0);
        _expectNothing(id);
        registry.releaseFee(ref);
    }

    function test_releasesHalfInTheTrial() public {
        Terms memory terms = _trial();
        terms.licenseFee = 50 ether + 1;
        (LicenseRef memory ref, bytes32 id) = _delivered(terms);
        skip(7 days);
        registry.releaseFee(ref);
        _assertReleased(ref, 25 ether + 1, 25 ether);
        _expectNothing(id);
        registry.releaseFee(ref);

        skip(1);
        registry.releaseFee(ref);
        _assertReleased(ref, 50 ether + 1, 0);
        _expectNothing(id);
        registry.releaseFee(ref);
    }

    function test_releasesBothAfterTheTrial() public {
        (LicenseRef memory ref,) = _delivered(_trial());
        skip(7 days + 1);
        registry.releaseFee(ref);
        _assertReleased(ref, 50 ether, 0);
    }

    function test_releasesNothingTwiceAfterARejection() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_trial());
        vm.prank(host.addr);
        registry.rejectCopy(ref);
        skip(8 days);
        registry.releaseFee(ref);
        _assertReleased(ref, 25 ether, 0);
        _expectNothing(id);
        registry.releaseFee(ref);
    }

    /// @dev A host that leaves otherwise than by `rejectCopy`, or is convicted, gets nothing back.
    function test_releasesAfterTheEnd() public {
        (LicenseRef memory ref, bytes32 id) = _delivered(_trial());
        vm.prank(proofs);
        registry.terminateFor(id);
        skip(7 days + 1);
        registry.releaseFee(ref);
        _assertReleased(ref, 50 ether, 0);
    }

    function _assertReleased(LicenseRef memory ref, uint256 fee, uint256 held) private view {
        uint256 toOwner = escrow.balanceOf(address(token), owner.addr);
        uint256 toParent = escrow.balanceOf(address(token), parentOwner.addr);
        assertEq(toOwner + toParent, fee, "released");
        assertApproxEqAbs(toParent, fee * PARENT_BPS / 10_000, 1, "parent");
        assertEq(token.balanceOf(address(vault)), ref.terms.collateral + held, "vault");
    }

    function _expectNothing(bytes32 id) private {
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_NoFeeDue.selector, id)
        );
    }
}
