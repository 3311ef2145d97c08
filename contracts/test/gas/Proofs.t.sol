// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../src/interfaces/IProofs.sol";
import { MAX_PARENTS, Receipt, Violation } from "../../src/libraries/Types.sol";
import { Calldata } from "../utils/Calldata.sol";
import { CopyTest } from "../utils/CopyTest.sol";

/// @dev Proofs of level 0; the longest one must fit into a transaction.
contract ProofsGas is CopyTest {
    string private constant GROUP = "Proofs";

    /// @dev What nodes relay of a transaction, and the gas of one (EIP-7825).
    uint256 private constant MAX_BYTES = 131_072;
    uint256 private constant MAX_GAS = 16_777_216;

    function _copyPersonal() internal pure override returns (uint32) {
        return 4096;
    }

    function test_gas_commitReport() public {
        vm.prank(reporter);
        proofs.commitReport("commitment");
        vm.snapshotGasLastCall(GROUP, "commitReport");
    }

    function test_gas_proveEquivocation() public {
        Receipt memory a = _receipt(7);
        Receipt memory b = _receipt(7);
        b.responseHash = keccak256("another response");
        _reportProof(reporter, Violation.Equivocation, a);
        (bytes memory signatureA, bytes memory signatureB) = (_sign(a), _sign(b));
        vm.prank(reporter);
        proofs.proveEquivocation(ref(), a, signatureA, b, signatureB, SALT);
        vm.snapshotGasLastCall(GROUP, "proveEquivocation");
    }

    function test_gas_proveUnlicensedModel() public {
        _measure(4);
    }

    function test_gas_longestProof() public {
        _measure(16);
    }

    function _measure(uint32 bundles) private {
        IProofs.Series memory series = _firstBundles(bundles);
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        string memory name = string.concat(
            "proveUnlicensedModel, ", vm.toString(uint256(bundles) * 16), " answers"
        );
        _prove(series, given);
        uint256 used = vm.snapshotGasLastCall(GROUP, name);
        bytes memory data = abi.encodeCall(
            proofs.proveUnlicensedModel, (ref(), series, given.opened, given.answers, SALT)
        );
        Calldata.note(name, data);
        (uint256 usual, uint256 floor) = _costs(data);
        uint256 total = used + usual > floor ? used + usual : floor;
        emit log_named_uint(string.concat(name, ": bytes of calldata"), data.length);
        emit log_named_uint(string.concat(name, ": gas"), total);
        // This tree is 8 levels lower than the largest, and these terms have no parents.
        uint256 longest = data.length + uint256(bundles) * 8 * 32 + 2 * MAX_PARENTS * 64;
        assertLt(longest, MAX_BYTES, "bytes");
        assertLt(total, MAX_GAS, "gas");
    }

    /// @dev What a transaction with this data costs before it runs, and at least (EIP-7623).
    function _costs(bytes memory data) private pure returns (uint256 usual, uint256 floor) {
        uint256 zero;
        for (uint256 i; i < data.length; ++i) {
            if (data[i] == 0) ++zero;
        }
        uint256 tokens = zero + 4 * (data.length - zero);
        return (21_000 + 4 * tokens, 21_000 + 10 * tokens);
    }
}
