// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BPS } from "./Types.sol";

/// @title Parts of an amount in basis points
library Shares {
    /// @notice Rounds down; at most `amount` if `bps <= BPS`, as every published term is.
    function part(uint128 amount, uint16 bps) internal pure returns (uint128) {
        // 128 and 16 bits: the product fits.
        unchecked {
            return uint128(uint256(amount) * bps / BPS);
        }
    }
}
