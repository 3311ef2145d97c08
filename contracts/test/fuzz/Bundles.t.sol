// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../src/libraries/Bundles.sol";
import { TestBase } from "../utils/TestBase.sol";

/// @dev The pick against a list that is walked one by one.
contract BundlesFuzz is TestBase {
    mapping(uint256 word => uint256 bits) private _burned;

    function testFuzz_select_isNthSetBit(uint256 bits, uint256 n) public pure {
        uint256[] memory positions = new uint256[](256);
        uint256 count;
        for (uint256 i = 0; i < 256; ++i) {
            if (bits >> i & 1 != 0) positions[count++] = i;
        }
        if (count == 0) return;
        n = bound(n, 0, count - 1);
        assertEq(Bundles.select(bits, n), positions[n]);
    }

    function test_select_atTheEnds() public pure {
        assertEq(Bundles.select(1, 0), 0);
        assertEq(Bundles.select(1 << 255, 0), 255);
        assertEq(Bundles.select(type(uint256).max, 255), 255);
        assertEq(Bundles.select(type(uint256).max, 128), 128);
    }

    /// @dev A part that ends with a word of the bitmap, and the first bundle of a later one.
    function test_pick_atTheEndsOfWords() public {
        uint256[3] memory words;
        words[0] = type(uint256).max;
        words[1] = type(uint256).max >> 1;
        (bool[] memory burned, uint256 remaining) = _fill(words, 512);
        assertEq(remaining, 1, "the last bundle of the second word");
        _pickOne(burned, 0, remaining, bytes32("seed"), 0);
        words[1] = type(uint256).max;
        (burned, remaining) = _fill(words, 768);
        assertEq(remaining, 256, "the third word");
        _pickOne(burned, 512, remaining, bytes32("seed"), 0);
    }

    function pickOf(uint256 first, uint256 end, uint256 remaining) external returns (uint32) {
        return Bundles.pick(_burned, first, end, remaining, bytes32(uint256(7)), 0);
    }

    /// @dev A count that is too large never reaches into the bundles behind the part.
    function test_pick_ofABrokenCount() public {
        for (uint256 end = 1; end <= 300; end += 13) {
            // Everything inside is burned, everything behind is free.
            uint256[3] memory words;
            words[0] = end < 256 ? (uint256(1) << end) - 1 : type(uint256).max;
            words[1] = end > 256 ? (uint256(1) << (end - 256)) - 1 : 0;
            (, uint256 remaining) = _fill(words, end);
            assertEq(remaining, 0);
            vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 1));
            this.pickOf(0, end, 1);
        }
    }

    function testFuzz_pick_isTheIndexedUnburned(
        bytes32 seed,
        uint256[3] memory words,
        uint256 total,
        uint256 first,
        uint8 picks
    ) public {
        (bool[] memory burned, uint256 remaining) = _fill(words, bound(total, 1, 700));
        // Bundles before the part count as burned here: none of them may be picked.
        first = bound(first, 0, burned.length - 1);
        for (uint256 i = 0; i < first; ++i) {
            if (!burned[i]) --remaining;
            burned[i] = true;
        }
        uint256 count = bound(picks, 0, remaining < 9 ? remaining : 9);
        for (uint32 j = 0; j < count; ++j) {
            _pickOne(burned, first, remaining - j, seed, j);
        }
    }

    function _pickOne(
        bool[] memory burned,
        uint256 first,
        uint256 remaining,
        bytes32 seed,
        uint32 j
    ) private {
        uint256 index = uint256(keccak256(abi.encodePacked(seed, j))) % remaining;
        uint32 expected = _nthUnburned(burned, index);
        assertEq(Bundles.pick(_burned, first, burned.length, remaining, seed, j), expected);
        burned[expected] = true;
        assertTrue(Bundles.isBurned(_burned, expected));
    }

    /// @dev Sets the bitmap; returns it as a list with the number of unburned ones.
    function _fill(uint256[3] memory words, uint256 total)
        private
        returns (bool[] memory burned, uint256 remaining)
    {
        for (uint256 word = 0; word < 3; ++word) {
            _burned[word] = words[word];
        }
        burned = new bool[](total);
        for (uint256 i = 0; i < total; ++i) {
            burned[i] = words[i >> 8] >> (i & 255) & 1 != 0;
            assertEq(Bundles.isBurned(_burned, uint32(i)), burned[i]);
            if (!burned[i]) ++remaining;
        }
    }

    function _nthUnburned(bool[] memory burned, uint256 n) private pure returns (uint32 i) {
        while (true) {
            if (!burned[i]) {
                if (n == 0) return i;
                --n;
            }
            ++i;
        }
    }
}
