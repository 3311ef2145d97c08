// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";

/// @title Stands for the rounds where tests decide what they do
/// @dev Says no more than how long a round takes.
contract RoundsConfig {
    function config() external pure returns (IRounds.Config memory) {
        return IRounds.Config(1 days, 1 days, 7 days, 0.1 ether);
    }
}
