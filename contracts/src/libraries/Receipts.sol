// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Receipt } from "./Types.sol";

/// @title EIP-712 struct hash of receipts, and the hashes they and vouchers carry
library Receipts {
    bytes32 internal constant TYPEHASH = keccak256(
        "Receipt(bytes32 licenseId,bytes32 channelId,uint64 seq,uint64 cumulativeRequests,uint64 cumulativeTokens,uint64 servedAt,bytes32 requestHash,bytes32 responseHash)"
    );

    bytes32 internal constant REQUEST_DOMAIN = keccak256("OML.request.v1");

    /// @notice EIP-712 `hashStruct`.
    function structHash(Receipt calldata receipt) internal pure returns (bytes32) {
        // Every field is static, so the struct's encoding is its fields' one after the other.
        return keccak256(abi.encode(TYPEHASH, receipt));
    }

    /// @notice What a voucher names to be the permission of a request with the prompt of `keyHash`.
    function requestHash(bytes32 modelId, bytes32 keyHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(REQUEST_DOMAIN, modelId, keyHash));
    }
}
