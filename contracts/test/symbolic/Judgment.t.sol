// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Judgment } from "../../src/libraries/Judgment.sol";

/// @dev A step of a license's ledger, and the seats that are struck.
contract SymbolicJudgment {
    int64 private constant PREMIUM = 2 << 32;

    function _ledger(int40 logA, uint8 charged, uint8 opened)
        private
        pure
        returns (bool possible, IRounds.Ledger memory ledger)
    {
        // Of four indices, which is all that a small step can show; what is opened was charged.
        possible = charged <= 4 && uint256(opened) >> charged == 0;
        ledger = IRounds.Ledger(logA, charged, opened);
    }

    /// @dev An index beyond those charged costs a premium at least, whatever it brings.
    function check_newIndexIsCharged(int40 logA, uint8 charged, uint8 opened, uint32 gain)
        external
        pure
    {
        (bool possible, IRounds.Ledger memory before) = _ledger(logA, charged, opened);
        if (!possible || charged > 3) return;
        for (uint8 index = charged; index < 4; ++index) {
            (IRounds.Ledger memory ledger, int64 reached,) =
                Judgment.open(before, index, int64(uint64(gain)), PREMIUM, type(int64).max);
            assert(reached <= before.logA + int64(uint64(gain)) - PREMIUM);
            assert(ledger.logA == reached);
        }
    }

    /// @dev What was charged stays charged, what was opened stays opened.
    function check_chargedNeverFalls(
        int40 logA,
        uint8 charged,
        uint8 opened,
        uint8 index,
        uint32 gain,
        int40 threshold
    ) external pure {
        (bool possible, IRounds.Ledger memory before) = _ledger(logA, charged, opened);
        if (!possible || index >= 4) return;
        (IRounds.Ledger memory ledger, int64 reached, bool convicted) =
            Judgment.open(before, index, int64(uint64(gain)), PREMIUM, threshold);
        assert(ledger.charged >= before.charged);
        assert(ledger.charged > index);
        assert(ledger.opened == before.opened | uint64(1) << index);
        assert(convicted == (reached >= threshold));
        // Spent evidence leaves nothing but premiums.
        if (convicted) assert(ledger.logA <= 0);
    }

    /// @dev Of four seats one is struck: what is kept is no more than any three of them have. With
    /// up to three hits each, which is all that a small step can show.
    function check_keptHitsOfFour(uint8 a, uint8 b, uint8 c, uint8 d) external pure {
        if (a > 3 || b > 3 || c > 3 || d > 3) return;
        uint8[] memory hits = new uint8[](4);
        (hits[0], hits[1], hits[2], hits[3]) = (_known(a), _known(b), _known(c), _known(d));
        uint256 kept = Judgment.keptHits(hits);
        uint256 all = uint256(a) + b + c + d;
        assert(kept <= all - a && kept <= all - b && kept <= all - c && kept <= all - d);
        // And it is those of three of them.
        assert(kept == all - a || kept == all - b || kept == all - c || kept == all - d);
    }

    /// @dev The solver takes no index that it does not know: one path for each.
    function _known(uint8 hits) private pure returns (uint8) {
        for (uint8 value; value < 3; ++value) {
            if (hits == value) return value;
        }
        return 3;
    }
}
