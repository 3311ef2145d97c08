// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TestToken } from "../../../src/testing/TestToken.sol";

/// @title Refuses transfers to and from accounts on its list
contract BlockingToken is TestToken {
    mapping(address account => bool) public blocked;

    error BlockingToken_Blocked(address account);

    constructor() TestToken("Blocking", "BLK", 18) { }

    function setBlocked(address account, bool value) external {
        blocked[account] = value;
    }

    function _beforeTokenTransfer(address from, address to, uint256) internal view override {
        require(!blocked[from], BlockingToken_Blocked(from));
        require(!blocked[to], BlockingToken_Blocked(to));
    }
}
