// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Says `false` instead of reverting, and moves nothing
contract FalseToken {
    function balanceOf(address) external pure returns (uint256) {
        return 1_000_000 ether;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}
