// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { Judgment } from "../../../src/libraries/Judgment.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract LibraryJudgment is TestBase {
    int64 private constant ONE = 1 << 32;
    int64 private constant PREMIUM = 2 * ONE;

    function test_struck() public pure {
        assertEq(Judgment.struck(4), 1, "of 4");
        assertEq(Judgment.struck(8), 4, "of 8");
        assertEq(Judgment.struck(16), 9, "of 16");
        assertEq(Judgment.struck(24), 14, "of 24");
        assertEq(Judgment.struck(32), 19, "of 32");
    }

    function _hits(uint8[8] memory given) private pure returns (uint8[] memory hits) {
        hits = new uint8[](8);
        for (uint256 i; i < 8; ++i) {
            hits[i] = given[i];
        }
    }

    function test_keptHits() public pure {
        assertEq(Judgment.keptHits(_hits([0, 0, 0, 0, 0, 0, 0, 0])), 0, "nothing");
        assertEq(Judgment.keptHits(_hits([8, 8, 8, 8, 8, 8, 8, 8])), 32, "everything");
        assertEq(Judgment.keptHits(_hits([8, 0, 8, 0, 8, 0, 8, 0])), 0, "half is struck");
        assertEq(Judgment.keptHits(_hits([8, 8, 8, 8, 8, 0, 0, 0])), 8, "one is left");
        assertEq(Judgment.keptHits(_hits([1, 2, 3, 4, 5, 6, 7, 8])), 10, "the smallest");
        assertEq(Judgment.keptHits(_hits([3, 3, 3, 3, 3, 3, 2, 3])), 11, "ties");
    }

    function test_revertWhen_moreHitsThanLeaves() public {
        vm.expectRevert();
        this.kept(_hits([9, 0, 0, 0, 0, 0, 0, 0]));
    }

    function kept(uint8[] memory hits) external pure returns (uint256) {
        return Judgment.keptHits(hits);
    }

    function test_gain() public pure {
        assertEq(Judgment.gain(0, 8), 0, "never below nothing");
        assertEq(Judgment.gain(6, 8), 0, "6 of 32 are less than nothing");
        int64 expected = 7 * EValue.log2Floor(EValue.HIT) + 25 * EValue.log2Floor(EValue.MISS);
        assertEq(int256(Judgment.gain(7, 8)), int256(expected), "7 of 32");
        assertGt(int256(expected), int256(0), "are more");
    }

    /// @dev The logarithms of the bet stand in the code as numbers.
    function test_gain_ofTheBet() public pure {
        for (uint256 hits; hits <= 32; ++hits) {
            int256 sum = int256(hits) * EValue.log2Floor(EValue.HIT) + int256(32 - hits)
                * EValue.log2Floor(EValue.MISS);
            int256 expected = sum > 0 ? sum : int256(0);
            assertEq(int256(Judgment.gain(hits, 8)), expected, "gain");
        }
    }

    function test_premium() public pure {
        assertEq(int256(Judgment.premium(0, 0)), ONE, "one bit");
        assertEq(int256(Judgment.premium(0, 1)), ONE, "one deployment is no choice");
        assertEq(int256(Judgment.premium(0, 2)), 2 * ONE, "two are a bit");
        assertEq(int256(Judgment.premium(3, 4)), 6 * ONE, "and each bit of the beacon");
        // log2 3 = 1.58…, rounded up.
        assertEq(int256(Judgment.premium(0, 3)), ONE + 6_807_362_106, "three");
    }

    function _open(IRounds.Ledger memory before, uint8 index, int64 gain)
        private
        pure
        returns (IRounds.Ledger memory ledger, int64 reached, bool convicted)
    {
        return Judgment.open(before, index, gain, PREMIUM, 20 * ONE);
    }

    function test_open_chargeEveryIndexOnce() public pure {
        IRounds.Ledger memory ledger;
        int64 reached;
        (ledger, reached,) = _open(ledger, 2, ONE);
        assertEq(int256(reached), -5 * ONE, "three premiums");
        assertEq(ledger.charged, 3, "charged");
        assertEq(uint256(ledger.opened), 4, "opened");
        (ledger, reached,) = _open(ledger, 0, ONE);
        assertEq(int256(reached), -4 * ONE, "no premium");
        assertEq(ledger.charged, 3, "charged");
        (ledger, reached,) = _open(ledger, 63, 0);
        assertEq(int256(reached), -126 * ONE, "61 premiums");
        assertEq(ledger.charged, 64, "all");
    }

    function test_open_convictAtTheThreshold() public pure {
        IRounds.Ledger memory ledger;
        (, int64 reached, bool convicted) = _open(ledger, 0, 22 * ONE - 1);
        assertFalse(convicted, "one unit below");
        (ledger, reached, convicted) = _open(ledger, 0, 22 * ONE);
        assertTrue(convicted, "reached");
        assertEq(int256(reached), 20 * ONE, "what it reached");
        assertEq(int256(ledger.logA), 0, "spent");
    }

    /// @dev Else indices that were charged before a conviction would be free tries after it.
    function test_open_keepThePremiumsOfWhatIsNotOpened() public pure {
        IRounds.Ledger memory ledger;
        bool convicted;
        (ledger,, convicted) = _open(ledger, 5, 32 * ONE);
        assertTrue(convicted, "convicted");
        assertEq(int256(ledger.logA), -10 * ONE, "five premiums");
        int64 reached;
        (ledger, reached, convicted) = _open(ledger, 1, 20 * ONE);
        assertEq(int256(reached), 10 * ONE, "with its own already paid");
        assertFalse(convicted, "not again");
    }
}
