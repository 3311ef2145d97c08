// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Judgment } from "../../../src/libraries/Judgment.sol";
import { TermsLib } from "../../../src/libraries/TermsLib.sol";
import { VectorTest } from "./VectorTest.sol";

/// @dev The strike of rounds of every size that may be sealed.
contract StrikeVectors is VectorTest {
    function setUp() public {
        _load("strikes");
    }

    function test_sizes() public view {
        uint256[] memory sizes = _numbers("size");
        uint256 known;
        for (uint256 seats; seats <= type(uint8).max; ++seats) {
            if (!TermsLib.isRoundSize(uint8(seats)) && seats != TermsLib.DEMO_SEATS) continue;
            assertEq(sizes[known], seats, "size");
            assertEq(Judgment.struck(seats), _numbers("struck")[known], "struck");
            ++known;
        }
        assertEq(sizes.length, known, "no other size");
    }

    function test_strikes() public view {
        uint256[] memory seats = _numbers("seats");
        bytes32[] memory words = _words("hits");
        uint256[] memory kept = _numbers("kept");
        int256[] memory gains = _integers("gain");
        _assertFilled(seats.length);
        for (uint256 i; i < seats.length; ++i) {
            uint8[] memory hits = new uint8[](seats[i]);
            for (uint256 seat; seat < seats[i]; ++seat) {
                hits[seat] = uint8(words[i][seat]);
            }
            assertEq(Judgment.keptHits(hits), kept[i], "hits that are left");
            assertEq(int256(Judgment.gain(kept[i], seats[i])), gains[i], "gain");
        }
    }
}
