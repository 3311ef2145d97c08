// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ERC20 } from "solady/tokens/ERC20.sol";

/// @title ERC-20 token that anyone can mint: for tests and local chains only, worth nothing
contract TestToken is ERC20 {
    string private _name;
    string private _symbol;
    uint8 private immutable _DECIMALS;

    constructor(string memory name_, string memory symbol_, uint8 decimals_) {
        _name = name_;
        _symbol = symbol_;
        _DECIMALS = decimals_;
    }

    /// @notice Mints `amount` base units to `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice Name of the token.
    function name() public view override returns (string memory) {
        return _name;
    }

    /// @notice Symbol of the token.
    function symbol() public view override returns (string memory) {
        return _symbol;
    }

    /// @notice Decimal places of one whole token.
    function decimals() public view override returns (uint8) {
        return _DECIMALS;
    }
}
