// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { Judgment } from "../../../src/libraries/Judgment.sol";
import { VectorTest } from "./VectorTest.sol";

/// @dev One ledger, with openings out of order, gaps and a conviction.
contract LedgerVectors is VectorTest {
    function setUp() public {
        _load("ledger");
    }

    function test_openings() public view {
        uint256[] memory index = _numbers("index");
        uint256[] memory kept = _numbers("kept");
        _assertFilled(index.length);
        IRounds.Ledger memory ledger;
        uint64 opened;
        for (uint256 i; i < index.length; ++i) {
            int64 gained = Judgment.gain(kept[i], 16);
            assertEq(int256(gained), _integers("gain")[i], "gain");
            bool convicted;
            (ledger,, convicted) = Judgment.open(
                ledger,
                uint8(index[i]),
                gained,
                int64(uint64(_number("premium"))),
                int64(uint64(_number("threshold")))
            );
            opened |= uint64(1) << uint8(index[i]);
            assertEq(int256(ledger.logA), _integers("logA")[i], "log A");
            assertEq(ledger.charged, _numbers("charged")[i], "charged");
            assertEq(ledger.opened, opened, "opened");
            assertEq(convicted, _numbers("convicted")[i] == 1, "convicted");
        }
    }
}
