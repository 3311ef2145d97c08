// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseActions } from "./LicenseActions.sol";
import { MoneyActions } from "./MoneyActions.sol";

/// @title Everything that a random run may do
contract LicensingHandler is LicenseActions, MoneyActions {
    /// @dev A run starts with a license and a channel in each currency, else few would get that
    /// far.
    function init() external {
        for (uint256 i = 0; i < 2; ++i) {
            this.acquire(i == 1);
            this.drawSeed(i);
            this.accept(i);
            this.deliver(i, COPY_KEY);
            this.openChannel(i, 40 ether);
        }
    }
}
