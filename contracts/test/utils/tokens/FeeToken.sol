// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TestToken } from "../../../src/testing/TestToken.sol";

/// @title Keeps 1 % of every transfer
contract FeeToken is TestToken {
    constructor() TestToken("Fee", "FEE", 18) { }

    function transfer(address to, uint256 amount) public override returns (bool) {
        _burn(msg.sender, amount / 100);
        return super.transfer(to, amount - amount / 100);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        _burn(to, amount / 100);
        return true;
    }
}
