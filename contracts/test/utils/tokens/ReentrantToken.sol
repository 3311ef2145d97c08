// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TestToken } from "../../../src/testing/TestToken.sol";

/// @title Makes one armed call in the middle of its next transfer
contract ReentrantToken is TestToken {
    address public target;
    bytes public data;
    bool public succeeded;
    bytes public answer;

    constructor() TestToken("Reentrant", "RE", 18) { }

    /// @dev The call is made by the token itself, once.
    function arm(address target_, bytes calldata data_) external {
        target = target_;
        data = data_;
    }

    function _afterTokenTransfer(address from, address to, uint256) internal override {
        if (target == address(0) || from == address(0) || to == address(0)) return;
        address callee = target;
        target = address(0);
        (succeeded, answer) = callee.call(data);
    }
}
