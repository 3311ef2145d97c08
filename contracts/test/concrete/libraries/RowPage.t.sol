// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { RowPage } from "../../../src/libraries/RowPage.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract RowPage_price is TestBase {
    /// @dev Whether a row of these cumulative units fits.
    function _fits(uint256 requests, uint256 tokens) private pure returns (bool fits) {
        bytes memory buffer = new bytes(0x1e0);
        uint256 page;
        assembly ("memory-safe") {
            page := add(buffer, 0x20)
            mstore(add(page, 0xe0), requests)
            mstore(add(page, 0x100), tokens)
        }
        (fits,) = RowPage.price(page);
    }

    function test_unitsOf64BitsFit() public pure {
        assertTrue(_fits(type(uint64).max, type(uint64).max), "the largest");
        assertFalse(_fits(1 << 64, 0), "one more request");
        assertFalse(_fits(0, 1 << 64), "one more token");
        assertFalse(_fits(0, 1 << 255), "the highest bit");
    }
}
