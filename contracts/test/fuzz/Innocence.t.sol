// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Judgment } from "../../src/libraries/Judgment.sol";
import { RoundTest } from "../utils/RoundTest.sol";

/// @dev Hosts whose deployment is not of their license, and whatever hostile seats claim.
contract InnocenceFuzz is RoundTest {
    function _seats() internal pure override returns (uint8) {
        return 8;
    }

    /// @dev Half of the seats are hostile and know every answer, the rest hear another copy: each
    /// round costs its premium and brings nothing.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_hostileSeats(uint256 who, uint8 rest) public {
        for (uint8 k; k < 2; ++k) {
            Play memory p = _drawn(k);
            for (uint8 i; i < p.seats; ++i) {
                bool lies = (i + who % 8) % 8 < 4;
                Behaviour heard = Behaviour(1 + rest % 3);
                _answer(p, i, _keysHash(p, i), _tags(p, i, lies ? 8 : 0, heard));
            }
            _toOpening(p);
            Found memory found = _find(_opening(p));
            assertEq(found.kept, 0, "no hit is left");
            assertEq(int256(found.logA), -int256(uint256(k) + 1) * (2 << 32), "premiums alone");
            skip(1 days);
        }
    }

    /// @dev Expectation of 2^gain of one round of 16 seats under the null, where each of the 56
    /// leaves that are left is hit by chance 1/16: at most 2, which the one bit for "or no bet"
    /// pays for. A hit's chance times its factor is 2/5, a miss's 3/5.
    function test_expectationUnderTheNull() public pure {
        // Binomial terms in 96 fractional bits, of the null and of the bet.
        uint256 chance = 1 << 96;
        uint256 bet = 1 << 96;
        for (uint256 i; i < 56; ++i) {
            chance = chance * 15 / 16;
            bet = bet * 3 / 5;
        }
        uint256 sum;
        for (uint256 h; h <= 56; ++h) {
            sum += Judgment.gain(h, 16) == 0 ? chance : bet;
            if (h == 56) break;
            chance = chance * (56 - h) / ((h + 1) * 15);
            bet = bet * (56 - h) * 2 / ((h + 1) * 3);
        }
        assertLe(sum, 2 << 96, "at most 2");
        assertGe(sum, 1 << 96, "and no less than nothing gained");
    }

    /// @dev Tags of a sheet: each is compared with its own leaf's answer and no other's.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_tagsOfASheet(uint8 mask, uint8 seat, bool shifted) public {
        seat %= 8;
        Play memory p = _drawn(0);
        bytes32 own = _tags(p, seat, 8, Behaviour.Silent);
        bytes32 tags;
        uint256 due;
        for (uint256 l; l < 8; ++l) {
            if (mask >> l & 1 == 0) continue;
            ++due;
            tags |= own & (bytes32(bytes4(0xffffffff)) >> (32 * l));
        }
        // Moved by a place, nothing is where it belongs.
        if (shifted) tags = tags >> 32;
        _answer(p, seat, _keysHash(p, seat), tags);
        _toOpening(p);
        Found memory found = _find(_opening(p));
        assertEq(uint8(found.hits[seat]), shifted ? 0 : due, "hits of the seat");
        assertEq(found.hits & ~(bytes32(bytes1(0xff)) >> (8 * seat)), bytes32(0), "of no other");
        assertEq(found.kept, 0, "one seat is struck");
    }
}
