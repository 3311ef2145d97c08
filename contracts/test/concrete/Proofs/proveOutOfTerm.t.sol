// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { LicenseStatus, Receipt, ServingKey, Violation } from "../../../src/libraries/Types.sol";
import { ProofTest } from "../../utils/ProofTest.sol";

contract Proofs_proveOutOfTerm is ProofTest {
    function _prove(Receipt memory receipt) private {
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        proofs.proveOutOfTerm(ref(), receipt, signature_, SALT);
    }

    function _servedAt(uint64 time) private view returns (Receipt memory receipt) {
        receipt = _receipt(1);
        receipt.servedAt = time;
    }

    function _expectWithinTerm(Receipt memory receipt, uint40 end) private {
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.expectRevert(
            abi.encodeWithSelector(IProofs.Proofs_WithinTerm.selector, receipt.servedAt, end)
        );
        vm.prank(reporter);
        proofs.proveOutOfTerm(ref(), receipt, signature_, SALT);
    }

    function test_revertWhen_beforeExpiry() public {
        uint40 expiry = registry.license(licenseId).deadline;
        _expectWithinTerm(_servedAt(expiry), expiry);
    }

    function test_revertWhen_beforeTermination() public {
        vm.prank(host.addr);
        registry.terminate(ref());
        _expectWithinTerm(_servedAt(uint64(block.timestamp)), uint40(block.timestamp));
    }

    /// @dev What no key signed recovers to 0, and would pass for a license whose key were 0.
    function test_revertWhen_nobodySigned() public {
        Receipt memory receipt = _servedAt(registry.license(licenseId).deadline + 1);
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        vm.mockCall(
            address(registry),
            abi.encodeCall(registry.servingKey, (licenseId, 0)),
            abi.encode(ServingKey(address(0), 0, type(uint40).max, false))
        );
        vm.expectRevert(abi.encodeWithSelector(IProofs.Proofs_BadReceiptSignature.selector, 0, 0));
        vm.prank(reporter);
        proofs.proveOutOfTerm(ref(), receipt, new bytes(65), SALT);
    }

    function test_revertWhen_punishedBefore() public {
        Receipt memory receipt = _servedAt(registry.license(licenseId).deadline + 1);
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        _prove(receipt);
        receipt.seq = 2;
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_AlreadyPunished.selector,
                keccak256(abi.encode(Violation.OutOfTerm, licenseId, CHANNEL))
            )
        );
        vm.prank(reporter);
        proofs.proveOutOfTerm(ref(), receipt, signature_, SALT);
    }

    function test_slashesAfterExpiry() public {
        uint40 expiry = registry.license(licenseId).deadline;
        Receipt memory receipt = _servedAt(expiry + 1);
        vm.warp(expiry + 1 days);
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        _prove(receipt);
        assertEq(registry.license(licenseId).deadline, expiry, "the term is not longer");
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
    }

    function test_slashesForAKeyNamedAfterTheTermination() public {
        Receipt memory receipt = _servedAt(uint64(block.timestamp));
        receipt.keyEpoch = 1;
        vm.startPrank(host.addr);
        registry.terminate(ref());
        skip(1);
        registry.rotateServingKey(ref(), serving.addr);
        vm.stopPrank();
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        _prove(receipt);
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
    }

    function test_slashesAfterTermination() public {
        vm.prank(host.addr);
        registry.terminate(ref());
        Receipt memory receipt = _servedAt(uint64(block.timestamp) + 1);
        _reportProof(reporter, Violation.OutOfTerm, receipt);
        _prove(receipt);
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
    }
}
