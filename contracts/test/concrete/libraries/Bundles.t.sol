// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../../src/libraries/Bundles.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract BundlesTest is TestBase {
    bytes32 private constant SEED = keccak256("seed");
    uint16 private constant DAY = 20_000;

    mapping(uint256 word => uint256 days16) private _burned;

    function _candidate(uint32 t, uint32 count) private pure returns (uint32) {
        return uint32(uint256(keccak256(abi.encodePacked(SEED, t))) % count);
    }

    function test_dayOf_countsFrom1970() public pure {
        assertEq(Bundles.dayOf(0), 0);
        assertEq(Bundles.dayOf(1 days - 1), 0);
        assertEq(Bundles.dayOf(1 days), 1);
        assertEq(Bundles.dayOf(65_535 days), 65_535, "in the year 2149");
    }

    function test_burn_notesTheDayOfOneBundle() public {
        uint32[6] memory bundles = [uint32(0), 15, 16, 31, 255, 65_535];
        for (uint16 i; i < bundles.length; ++i) {
            Bundles.burn(_burned, bundles[i], DAY + i);
        }
        for (uint16 i; i < bundles.length; ++i) {
            assertEq(Bundles.burnedOn(_burned, bundles[i]), DAY + i, "its day");
        }
        assertEq(Bundles.burnedOn(_burned, 1), 0, "a neighbour");
        assertEq(Bundles.burnedOn(_burned, 17), 0, "another neighbour");
    }

    function test_draw_takesTheFirstCandidates() public view {
        uint32[] memory bundles = Bundles.draw(_burned, SEED, 65_536, 3, DAY);
        assertEq(bundles.length, 3);
        for (uint32 t; t < 3; ++t) {
            assertEq(bundles[t], _candidate(t, 65_536), "in their order");
        }
    }

    function test_draw_skipsOnlyWhatWasBurnedBefore() public {
        uint32 count = 65_536;
        Bundles.burn(_burned, _candidate(0, count), DAY - 1);
        Bundles.burn(_burned, _candidate(1, count), DAY);
        Bundles.burn(_burned, _candidate(2, count), DAY + 1);
        uint32[] memory bundles = Bundles.draw(_burned, SEED, count, 3, DAY);
        for (uint32 j; j < 3; ++j) {
            assertEq(bundles[j], _candidate(j + 1, count), "all but the first");
        }
    }

    function test_draw_neverRepeats() public view {
        uint32[] memory bundles = Bundles.draw(_burned, SEED, 4, 16, DAY);
        assertEq(bundles.length, 4, "all that there are");
        uint256 seen;
        for (uint256 j; j < 4; ++j) {
            seen |= 1 << bundles[j];
        }
        assertEq(seen, 15, "each once");
    }

    /// @dev What an opening costs at most: 1,024 candidates are looked at, and no more.
    function test_draw_looksAt1024Candidates() public {
        uint32 count = 65_536;
        for (uint32 t; t < 1023; ++t) {
            Bundles.burn(_burned, _candidate(t, count), DAY - 1);
        }
        uint32 last = _candidate(1023, count);
        assertEq(Bundles.burnedOn(_burned, last), 0, "the last one is new");
        uint32[] memory bundles = Bundles.draw(_burned, SEED, count, 2, DAY);
        assertEq(bundles.length, 1, "and the only one");
        assertEq(bundles[0], last, "found");

        Bundles.burn(_burned, last, DAY - 1);
        assertEq(Bundles.burnedOn(_burned, _candidate(1024, count)), 0, "the next one is new");
        assertEq(Bundles.draw(_burned, SEED, count, 1, DAY).length, 0, "but too late");
    }

    function test_draw_givesUp() public {
        for (uint32 b; b < 4; ++b) {
            Bundles.burn(_burned, b, DAY - 1);
        }
        assertEq(Bundles.draw(_burned, SEED, 4, 16, DAY).length, 0, "none is left");
        assertEq(Bundles.draw(_burned, SEED, 4, 0, DAY).length, 0, "none is wanted");
    }
}
