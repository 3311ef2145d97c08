// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../interfaces/IPaymentEscrow.sol";
import { Vouchers } from "./Vouchers.sol";

/// @title A page of memory on which the rows of a batch are read one after the other
/// @dev Ten words: chain id, escrow, license, then the first seven of a row as they came. The first six are the
/// preimage of the channel's id; the last six, once type hash and channel id have taken the places of signer and salt,
/// are that of the voucher. So a row is copied once and hashed where it lies.
///
/// Words are not checked for dirty bits when they are read. An address with such bits names a channel that does not
/// exist, an amount is compared with the deposit, and `units` says whether the units fit: a malformed row is rejected
/// like any other bad one and can't revert its batch.
library RowPage {
    /// @notice A new page for rows of this license.
    function open(address escrow, bytes32 licenseId) internal view returns (uint256 page) {
        assembly ("memory-safe") {
            page := mload(0x40)
            mstore(0x40, add(page, 0x140))
            mstore(page, chainid())
            mstore(add(page, 0x20), escrow)
            mstore(add(page, 0x40), licenseId)
        }
    }

    /// @notice Copies a row onto the page; returns the id of its channel, as `Vouchers.channelId` has it.
    function load(uint256 page, IPaymentEscrow.ClaimRow calldata row)
        internal
        pure
        returns (bytes32 channelId)
    {
        assembly ("memory-safe") {
            calldatacopy(add(page, 0x60), row, 0xe0)
            channelId := keccak256(page, 0xc0)
        }
    }

    /// @notice Cumulative amount of the row.
    function amount(uint256 page) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(page, 0xc0))
        }
    }

    /// @notice Cumulative units of the row, and whether both fit into 64 bits.
    function units(uint256 page) internal pure returns (bool fits, uint64 requests, uint64 tokens) {
        assembly ("memory-safe") {
            requests := mload(add(page, 0xe0))
            tokens := mload(add(page, 0x100))
            fits := iszero(shr(64, or(requests, tokens)))
        }
    }

    /// @notice Who must have signed the row. To be asked before `structHash`, which writes over it.
    function signer(uint256 page) internal pure returns (address account) {
        assembly ("memory-safe") {
            account := mload(add(page, 0x80))
            if iszero(account) { account := mload(add(page, 0x60)) }
        }
    }

    /// @notice EIP-712 struct hash of the row's voucher, as `Vouchers.structHash` has it.
    function structHash(uint256 page, bytes32 channelId) internal pure returns (bytes32 result) {
        bytes32 typeHash = Vouchers.TYPEHASH;
        assembly ("memory-safe") {
            mstore(add(page, 0x80), typeHash)
            mstore(add(page, 0xa0), channelId)
            result := keccak256(add(page, 0x80), 0xc0)
        }
    }
}
