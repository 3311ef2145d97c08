// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { ICollateralVault } from "../../../src/interfaces/ICollateralVault.sol";
import { IServingKeys } from "../../../src/interfaces/IServingKeys.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import {
    LicenseRef,
    LicenseStatus,
    NATIVE,
    ServingKey,
    Terms
} from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";
import { Vm } from "../../utils/Vm.sol";

contract LicenseRegistry_acquire is LicensingTest {
    function test_revertWhen_offerNotOpen() public {
        Terms memory terms = _terms();
        bytes32 offerId = registry.offerIdOf(terms);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_OfferNotOpen.selector, offerId)
        );
        vm.prank(host.addr);
        registry.acquire(terms, 1, servingKey, ENCRYPTION_KEY);
    }

    function test_revertWhen_noServingKey() public {
        Terms memory terms = _terms();
        _publish(terms);
        vm.expectRevert(IServingKeys.ServingKeys_NoSigner.selector);
        vm.prank(host.addr);
        registry.acquire(terms, 1, address(0), ENCRYPTION_KEY);
    }

    function test_revertWhen_nonceUsed() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_LicenseExists.selector, id)
        );
        vm.prank(host.addr);
        registry.acquire(ref.terms, 1, servingKey, ENCRYPTION_KEY);
    }

    function test_revertWhen_nativeValueWrong() public {
        Terms memory terms = _termsIn(NATIVE);
        _publish(terms);
        uint256 right = terms.licenseFee + terms.collateral;
        uint256[3] memory wrong = [0, right - 1, right + 1];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(Currency.Currency_WrongValue.selector, wrong[i], right)
            );
            vm.prank(host.addr);
            registry.acquire{ value: wrong[i] }(terms, 1, servingKey, ENCRYPTION_KEY);
        }
    }

    function test_revertWhen_nativeSentForToken() public {
        Terms memory terms = _terms();
        _publish(terms);
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 0));
        vm.prank(host.addr);
        registry.acquire{ value: 1 }(terms, 1, servingKey, ENCRYPTION_KEY);
    }

    function test_revertWhen_allowanceMissing() public {
        Terms memory terms = _terms();
        _publish(terms);
        vm.prank(host.addr);
        token.approve(address(vault), terms.collateral - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                Currency.Currency_PullRefused.selector, address(token), host.addr, 150 ether
            )
        );
        vm.prank(host.addr);
        registry.acquire(terms, 1, servingKey, ENCRYPTION_KEY);
    }

    function test_acquires() public {
        Terms memory terms = _terms();
        _publish(terms);
        bytes32 offerId = registry.offerIdOf(terms);
        bytes32 expected = keccak256(abi.encode(offerId, host.addr, uint96(1)));
        uint48 round = uint48(block.number) + 2;
        uint40 deadline = uint40(block.timestamp) + terms.deliveryPeriod;
        uint256 balanceBefore = token.balanceOf(host.addr);

        vm.expectEmit(address(registry));
        emit ILicenseRegistry.LicenseAcquired(
            expected, offerId, host.addr, 1, servingKey, ENCRYPTION_KEY, round, deadline
        );
        vm.prank(host.addr);
        bytes32 id = registry.acquire(terms, 1, servingKey, ENCRYPTION_KEY);

        assertEq(id, expected);
        assertEq(registry.licenseIdOf(_ref(terms)), expected);
        ILicenseRegistry.License memory l = registry.license(id);
        assertEq(uint256(l.status), uint256(LicenseStatus.Acquired));
        assertEq(l.deadline, deadline);
        assertEq(l.seedRound, round);
        assertEq(l.seed, bytes32(0));
        assertEq(l.sealedRoot, bytes32(0));
        ServingKey[] memory keys = registry.servingKeys(id);
        assertEq(keys.length, 1);
        assertEq(keys[0].signer, servingKey);
        assertEq(keys[0].from, block.timestamp);
        assertEq(keys[0].until, type(uint40).max);
        assertEq(registry.universe(modelId, 0).licenses, 0);
        assertFalse(registry.isActive(id, uint40(block.timestamp)));
        assertEq(token.balanceOf(host.addr), balanceBefore - terms.licenseFee - terms.collateral);
        assertEq(token.balanceOf(address(escrow)), 0);
        assertEq(token.balanceOf(address(vault)), terms.licenseFee + terms.collateral);
        assertEq(vault.collateral(_ref(terms)).amount, terms.collateral);
    }

    function test_acquiresInNative() public {
        Terms memory terms = _termsIn(NATIVE);
        (LicenseRef memory ref,) = _acquired(terms);
        assertEq(address(escrow).balance, 0);
        assertEq(address(vault).balance, terms.licenseFee + terms.collateral);
        assertEq(address(registry).balance, 0);
        assertEq(vault.collateral(ref).amount, terms.collateral);
    }

    /// @dev Who reads the vault's events learns of every fee, and of none that is not there.
    function test_tellsOfTheFeeHeld() public {
        Terms memory terms = _terms();
        _publish(terms);
        LicenseRef memory ref = _ref(terms);
        bytes32 id = _id(ref);
        vm.expectEmit(address(vault));
        emit ICollateralVault.FeeHeld(id, terms.currency, terms.licenseFee);
        _acquire(ref);
    }

    function test_acquiresWithoutFee() public {
        Terms memory terms = _terms();
        terms.licenseFee = 0;
        vm.recordLogs();
        (, bytes32 id) = _acquired(terms);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            assertNotEq(logs[i].topics[0], ICollateralVault.FeeHeld.selector, "no fee");
        }
        assertEq(token.balanceOf(address(vault)), terms.collateral);
        _assertStatus(id, LicenseStatus.Acquired);
    }

    function test_acquiresWithAnotherNonce() public {
        (LicenseRef memory ref, bytes32 id) = _acquired(_terms());
        ref.nonce = type(uint96).max;
        assertNotEq(_acquire(ref), id);
    }
}
