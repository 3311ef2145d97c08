// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../src/interfaces/IProofs.sol";
import { Receipt, ServingKey, Violation } from "../../src/libraries/Types.sol";
import { ProofTest } from "../utils/ProofTest.sol";

/// @title Keys are only added and ended, and a revocation ends proofs when it says
contract ServingKeysFuzz is ProofTest {
    ServingKey[] private _known;

    /// @dev Whatever a host does: who signed in an epoch, and since when, is never rewritten; a key
    /// that has ended never comes back; a revocation is final.
    function testFuzz_whatWasNamedStays(uint256[12] calldata actions) public {
        _known.push(registry.servingKey(licenseId, 0));
        for (uint256 i; i < actions.length; ++i) {
            skip(actions[i] >> 8 & 0xfffff);
            _act(uint8(actions[i]), uint32(actions[i] >> 64));
            _check();
        }
    }

    function _act(uint8 action, uint32 choice) private {
        vm.startPrank(host.addr);
        if (action % 3 == 0) {
            uint32 epoch = uint32(choice % (_known.length + 1));
            (bool ok,) =
                address(registry).call(abi.encodeCall(registry.revokeServingKey, (ref(), epoch)));
            assertEq(ok, epoch < _known.length && !_known[epoch].revoked, "revocation");
        } else {
            registry.rotateServingKey(ref(), address(uint160(choice) + 1));
        }
        vm.stopPrank();
    }

    function _check() private {
        ServingKey[] memory keys = registry.servingKeys(licenseId);
        for (uint256 e; e < keys.length; ++e) {
            ServingKey memory key = keys[e];
            assertEq(abi.encode(key), abi.encode(registry.servingKey(licenseId, uint32(e))));
            bool ended = key.until != type(uint40).max;
            assertTrue(ended || e == keys.length - 1, "only the last one goes on");
            assertTrue(ended || !key.revoked, "what is revoked has ended");
            assertGe(key.until, key.from, "ends after it began");
            if (e == _known.length) {
                _known.push(key);
                continue;
            }
            ServingKey memory before = _known[e];
            assertEq(key.signer, before.signer, "signer");
            assertEq(key.from, before.from, "from");
            assertTrue(key.revoked || !before.revoked, "revoked for good");
            if (before.revoked) assertEq(key.until, before.until, "its end stays");
            _known[e] = key;
        }
    }

    /// @dev The last second is inside; one later nothing is proven any more.
    function testFuzz_proofsLapse(uint32 before, uint32 waited, bool rotated) public {
        Receipt memory a = _receipt(7);
        Receipt memory b = _receipt(7);
        b.responseHash = "another";
        skip(before % 30 days);
        vm.startPrank(host.addr);
        if (rotated) registry.rotateServingKey(ref(), makeAddr("next"));
        skip(rotated ? 2 hours : 0);
        registry.revokeServingKey(ref(), 0);
        vm.stopPrank();
        uint256 end = block.timestamp + ref().terms.settlementPeriod + 7 days;
        skip(waited % 18 days);
        _reportProof(reporter, Violation.Equivocation, a);
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        bool lapsed = block.timestamp > end;
        if (lapsed) {
            vm.expectRevert(abi.encodeWithSelector(IProofs.Proofs_KeyRevoked.selector, 0, end));
        }
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        assertEq(vault.collateral(ref()).amount, lapsed ? COLLATERAL : 0, "collateral");
    }

    /// @dev Whatever date is on a receipt, it is due a settlement period after its key's end.
    function testFuzz_noDatePutsOffTheDay(uint64 servedAt) public {
        Receipt memory receipt = _receipt(3);
        receipt.servedAt = servedAt;
        vm.prank(host.addr);
        registry.revokeServingKey(ref(), 0);
        skip(uint256(ref().terms.settlementPeriod) + 1);
        _reportProof(reporter, Violation.UnderMetering, receipt);
        bytes memory signature_ = _sign(receipt);
        vm.prank(reporter);
        proofs.proveUnderMetering(ref(), receipt, signature_, SALT);
        assertEq(vault.collateral(ref()).amount, COLLATERAL / 2, "half of it");
    }
}
