// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import { LicenseRef, NATIVE } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract CollateralVault_deposits is LicensingTest {
    function test_revertWhen_notRegistry() public {
        bytes memory reason = abi.encodeWithSelector(
            ICollateralVault.CollateralVault_OnlyRegistry.selector, stranger
        );
        vm.startPrank(stranger);
        vm.expectRevert(reason);
        vault.depositFor(bytes32(0), stranger, address(token), 1, 0);
        vm.expectRevert(reason);
        vault.refund(bytes32(0), stranger, address(token), 1, 0);
    }

    function test_revertWhen_noAmount() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(ICollateralVault.CollateralVault_NoAmount.selector);
        vm.prank(host.addr);
        vault.topUp(ref, 0);
    }

    function test_revertWhen_tooLarge() public {
        (LicenseRef memory ref,) = _active();
        uint128 amount = type(uint96).max - ref.terms.collateral + 1;
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_TooLarge.selector, amount)
        );
        vm.prank(host.addr);
        vault.topUp(ref, amount);
    }

    function test_returnFee_revertWhen_notRegistry() public {
        bytes memory reason = abi.encodeWithSelector(
            ICollateralVault.CollateralVault_OnlyRegistry.selector, host.addr
        );
        vm.expectRevert(reason);
        vm.prank(host.addr);
        vault.returnFee(0, host.addr, address(token), 1);
    }

    function test_payFee_revertWhen_notEscrow() public {
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_OnlyEscrow.selector, host.addr)
        );
        vm.prank(host.addr);
        vault.payFee(address(token), 1);
    }

    function test_nothingForALicenseThatNobodyBought() public {
        LicenseRef memory ref = _ref(_terms());
        assertEq(vault.collateral(ref).amount, 0);
    }

    function test_holdsTheFee() public {
        (LicenseRef memory ref,) = _acquired(_terms());
        assertEq(
            token.balanceOf(address(vault)), ref.terms.collateral + ref.terms.licenseFee, "both"
        );
        assertEq(vault.collateral(ref).amount, ref.terms.collateral, "the fee is no collateral");
        assertEq(vault.collateralLeft(_id(ref), ref.terms.collateral), ref.terms.collateral, "left");
    }

    function test_revertWhen_toppingUpUnknown() public {
        LicenseRef memory ref = _ref(_terms());
        bytes memory reason = abi.encodeWithSelector(
            ICollateralVault.CollateralVault_NoSuchLicense.selector, _id(ref)
        );
        vm.expectRevert(reason);
        vm.prank(host.addr);
        vault.topUp(ref, 1);

        _acquired(_terms());
        skip(ref.terms.deliveryPeriod + 1);
        vm.startPrank(host.addr);
        registry.cancel(ref);
        vm.expectRevert(reason);
        vault.topUp(ref, 1);
    }

    function test_revertWhen_valueWrong() public {
        (LicenseRef memory ref,) = _active();
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 5, 0));
        vm.prank(host.addr);
        vault.topUp{ value: 5 }(ref, 5);
    }

    function test_revertWhen_nativeValueWrong() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 4, 5));
        vm.prank(host.addr);
        vault.topUp{ value: 4 }(ref, 5);
    }

    function test_topsUp() public {
        (LicenseRef memory ref, bytes32 id) = _active();
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralDeposited(id, stranger, address(token), 5 ether);
        vm.prank(stranger);
        vault.topUp(ref, 5 ether);
        assertEq(vault.collateral(ref).amount, ref.terms.collateral + 5 ether);
        assertEq(token.balanceOf(address(vault)), ref.terms.collateral + 5 ether);
    }

    /// @dev As much as 96 bits count goes in, and all of it comes out again.
    function test_topsUpToTheLastUnit() public {
        (LicenseRef memory ref,) = _active();
        uint128 amount = type(uint96).max - ref.terms.collateral;
        token.mint(stranger, amount);
        vm.prank(stranger);
        vault.topUp(ref, amount);
        assertEq(vault.collateral(ref).amount, type(uint96).max, "full");
        vm.expectRevert(
            abi.encodeWithSelector(ICollateralVault.CollateralVault_TooLarge.selector, 1)
        );
        vm.prank(stranger);
        vault.topUp(ref, 1);

        uint256 before = token.balanceOf(host.addr);
        vm.startPrank(host.addr);
        registry.terminate(ref);
        vault.startThaw(ref);
        skip(ref.terms.thawPeriod);
        vault.withdraw(ref);
        vm.stopPrank();
        assertEq(token.balanceOf(host.addr) - before, type(uint96).max, "all of it");
    }

    function test_topsUpInNative() public {
        (LicenseRef memory ref,) = _active(_termsIn(NATIVE));
        vm.prank(stranger);
        vault.topUp{ value: 5 ether }(ref, 5 ether);
        assertEq(vault.collateral(ref).amount, ref.terms.collateral + 5 ether);
        assertEq(address(vault).balance, ref.terms.collateral + 5 ether);
    }

    function test_refunds() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        uint256 balanceBefore = token.balanceOf(host.addr);
        vm.expectEmit(address(vault));
        emit ICollateralVault.CollateralWithdrawn(
            id, host.addr, address(token), ref.terms.collateral
        );
        vm.prank(address(registry));
        vault.refund(id, host.addr, address(token), ref.terms.collateral, ref.terms.licenseFee);
        assertEq(vault.collateral(ref).amount, 0);
        assertEq(
            token.balanceOf(host.addr), balanceBefore + ref.terms.collateral + ref.terms.licenseFee
        );
    }
}
