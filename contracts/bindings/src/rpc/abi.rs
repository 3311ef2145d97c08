//! Contracts, events, errors and structs, generated from the Solidity interfaces.
//!
//! One Rust type per Solidity type: all contracts are generated together, so [`Terms`] or
//! [`LicenseRef`] is the same type for each of them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::too_many_arguments,
    clippy::use_self,
    clippy::redundant_clone,
    reason = "generated"
)]

alloy::sol! {
    #[sol(rpc, all_derives)]
    "abi/oml.sol"
}

alloy::sol! {
    /// ERC-20, plus the open mint of the test token.
    #[sol(rpc, all_derives)]
    interface Token {
        event Transfer(address indexed from, address indexed to, uint256 amount);
        event Approval(address indexed owner, address indexed spender, uint256 amount);

        function name() external view returns (string);
        function symbol() external view returns (string);
        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);
        function transfer(address to, uint256 amount) external returns (bool);
        function transferFrom(address from, address to, uint256 amount) external returns (bool);
        function mint(address to, uint256 amount) external;
    }
}
