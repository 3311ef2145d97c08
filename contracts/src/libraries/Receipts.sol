// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Receipt } from "./Types.sol";

/// @title EIP-712 struct hash of receipts, and the hashes they and vouchers carry
library Receipts {
    bytes32 internal constant TYPEHASH = keccak256(
        "Receipt(bytes32 licenseId,bytes32 channelId,uint64 seq,uint64 cumulativeRequests,uint64 cumulativeTokens,uint64 servedAt,bytes32 requestHash,bytes32 responseHash)"
    );

    bytes32 internal constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    bytes32 internal constant REQUEST_DOMAIN = keccak256("OML.request.v1");
    bytes32 internal constant PLAIN_REQUEST_DOMAIN = keccak256("OML.request.plain.v1");
    bytes32 internal constant RESPONSE_DOMAIN = keccak256("OML.response.v1");

    /// @notice EIP-712 `hashStruct`.
    function structHash(Receipt calldata receipt) internal pure returns (bytes32) {
        // Every field is static, so the struct's encoding is its fields' one after the other.
        return keccak256(abi.encode(TYPEHASH, receipt));
    }

    /// @notice What a serving key signs, for receipts that `manager` verifies.
    function digestOf(Receipt memory receipt, address manager) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("OML"), keccak256("1"), block.chainid, manager)
        );
        bytes32 struct_ = keccak256(abi.encode(TYPEHASH, receipt));
        return keccak256(abi.encodePacked(hex"1901", domain, struct_));
    }

    /// @notice What a voucher names to be the permission of a request with the prompt of `keyHash`.
    function requestHash(bytes32 modelId, bytes32 keyHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(REQUEST_DOMAIN, modelId, keyHash));
    }

    /// @notice The same for a request that is answered greedily and has nothing but its prompt, see
    /// `docs/formats.md`: whoever asks has no say in the answer.
    function plainRequestHash(bytes32 modelId, bytes32 keyHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(PLAIN_REQUEST_DOMAIN, modelId, keyHash));
    }

    /// @notice What a receipt says of the response.
    function responseHash(bytes memory text) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(RESPONSE_DOMAIN, text));
    }
}
