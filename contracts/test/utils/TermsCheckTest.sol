// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TermsCheck } from "../../src/libraries/TermsCheck.sol";
import { TermsLib } from "../../src/libraries/TermsLib.sol";
import { NATIVE, Terms } from "../../src/libraries/Types.sol";
import { LicensingTest } from "./LicensingTest.sol";

/// @dev The one pass over all words and the checks with names must say the same of every terms.
abstract contract TermsCheckTest is LicensingTest {
    /// @dev First word that the pass reads, and the last one but the royalties' offset.
    uint256 internal constant FIRST = 4;
    uint256 internal constant LAST = 31;

    function fast(Terms calldata terms, bytes32 lineage) external view returns (bool) {
        TermsLib.offerId(terms, address(this));
        // That has left them in free memory.
        uint256 place;
        uint256 size = 0x60 + 34 * 32 + 64 * terms.royalties.length;
        assembly ("memory-safe") {
            place := mload(0x40)
            mstore(0x40, add(place, size))
        }
        bytes32 before = _hash(place, size);
        bool passes = TermsCheck.passes(place + 0x60, lineage);
        assertEq(_hash(place, size), before, "memory as it was");
        return passes;
    }

    function slow(Terms calldata terms, bytes32 lineage) external view {
        TermsLib.validate(terms, terms.owner, lineage, ROOT);
    }

    function _agree(bytes memory words, bytes32 lineage, bool expected) internal view {
        (bool ran, bytes memory answer) =
            address(this).staticcall(_callOf(this.fast.selector, words, lineage));
        assertTrue(ran, "the pass never reverts");
        bool quick = abi.decode(answer, (bool));
        (bool named,) = address(this).staticcall(_callOf(this.slow.selector, words, lineage));
        assertEq(quick, named, "same answer");
        if (expected) assertTrue(quick, "accepted");
    }

    /// @dev `words` is `abi.encode(terms)`, which begins with an offset of 0x20.
    function _callOf(bytes4 selector, bytes memory words, bytes32 lineage)
        internal
        pure
        returns (bytes memory)
    {
        bytes memory tail = new bytes(words.length - 0x20);
        for (uint256 i = 0x20; i < words.length; i += 0x20) {
            bytes32 word;
            assembly ("memory-safe") {
                word := mload(add(add(words, 0x20), i))
                mstore(add(tail, i), word)
            }
        }
        return abi.encodePacked(selector, uint256(0x40), lineage, tail);
    }

    function _good() internal view returns (bytes memory) {
        return abi.encode(_termsIn(NATIVE));
    }

    function _lineage() internal view returns (bytes32) {
        return TermsLib.royaltiesHash(_terms().royalties);
    }

    /// @dev What lies at, below or above the bound of some word, or anything.
    function _bound(uint256 i) internal pure returns (uint256) {
        uint256[17] memory bounds = [
            uint256(1),
            4,
            7,
            5000,
            10_000,
            1 << 16,
            1 << 32,
            3650 days,
            1 << 36,
            1 << 40,
            1 << 48,
            1 << 64,
            1 << 96,
            1 << 128,
            1 << 160,
            1 << 255,
            1 << 254
        ];
        uint256 which = i % 54;
        if (which < 51) return bounds[which / 3] + which % 3 - 1;
        return
            which == 51 ? type(uint256).max : which == 52 ? 12 : uint256(keccak256(abi.encode(i)));
    }

    /// @dev Word of the terms, whose offset comes before them.
    function _set(bytes memory words, uint256 word, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(words, 0x40), shl(5, word)), value)
        }
    }

    function _get(bytes memory words, uint256 word) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(words, 0x40), shl(5, word)))
        }
    }

    function _copy(bytes memory words) internal pure returns (bytes memory) {
        return abi.encodePacked(words);
    }

    function _hash(uint256 place, uint256 size) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(place, size)
        }
    }
}
