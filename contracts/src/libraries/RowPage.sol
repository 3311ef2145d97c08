// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IPaymentEscrow } from "../interfaces/IPaymentEscrow.sol";
import { Terms } from "./Types.sol";
import { Vouchers } from "./Vouchers.sol";

/// @title A page of memory on which the rows of a batch are read one after the other
/// @dev Fifteen words. Chain id, escrow, license, then the first seven of a row as they came: the
/// first six of these ten are the preimage of the channel's id; the last six, once type hash and
/// channel id have taken the places of signer and salt, are that of the voucher. So a row is copied
/// once and hashed where it lies. Then two prices; at last the preimage of the digest: a word that
/// ends with 0x1901, the domain, a place for the voucher's hash.
///
/// Words are not checked for dirty bits when they are read. An address with such bits names a
/// channel that does not exist, an amount is compared with the deposit, and `units` says whether
/// the units fit: a malformed row is rejected like any other bad one and can't revert its batch.
library RowPage {
    /// @notice A new page for rows of this license.
    /// @param domain EIP-712 separator of the escrow
    /// @param terms the license's
    function open(address escrow, bytes32 licenseId, bytes32 domain, Terms calldata terms)
        internal
        view
        returns (uint256 page)
    {
        assembly ("memory-safe") {
            page := mload(0x40)
            mstore(0x40, add(page, 0x1e0))
            mstore(page, chainid())
            mstore(add(page, 0x20), escrow)
            mstore(add(page, 0x40), licenseId)
            // pricePerRequest and pricePerThousandTokens, the terms' sixth and seventh words. With
            // dirty bits they are of no offer, so of no license that has a channel.
            calldatacopy(add(page, 0x140), add(terms, 0xa0), 0x40)
            mstore(add(page, 0x180), 0x1901)
            mstore(add(page, 0x1a0), domain)
        }
    }

    /// @notice Copies a row onto the page; returns the id of its channel, as `Vouchers.channelId`
    /// has it.
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

    /// @notice What the cumulative units of the row cost, as `TermsLib.price` has it, and whether
    /// both fit into 64 bits; only then it means something.
    function price(uint256 page) internal pure returns (bool fits, uint256 value) {
        assembly ("memory-safe") {
            let requests := mload(add(page, 0xe0))
            let tokens := mload(add(page, 0x100))
            fits := iszero(shr(64, or(requests, tokens)))
            // Units have 64 bits and prices 128: no overflow.
            value := add(
                mul(requests, mload(add(page, 0x140))),
                div(mul(tokens, mload(add(page, 0x160))), 1000)
            )
        }
    }

    /// @notice Who must have signed the row. To be asked before `digest`, which writes over it.
    function signer(uint256 page) internal pure returns (address account) {
        assembly ("memory-safe") {
            account := mload(add(page, 0x80))
            if iszero(account) { account := mload(add(page, 0x60)) }
        }
    }

    /// @notice What must be signed for the row: EIP-712, with the struct hash that
    /// `Vouchers.structHash` has.
    function digest(uint256 page, bytes32 channelId) internal pure returns (bytes32 result) {
        bytes32 typeHash = Vouchers.TYPEHASH;
        assembly ("memory-safe") {
            mstore(add(page, 0x80), typeHash)
            mstore(add(page, 0xa0), channelId)
            mstore(add(page, 0x1c0), keccak256(add(page, 0x80), 0xc0))
            result := keccak256(add(page, 0x19e), 0x42)
        }
    }
}
