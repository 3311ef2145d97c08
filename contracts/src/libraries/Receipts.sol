// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ECDSA } from "solady/utils/ECDSA.sol";

import { IProofs } from "../interfaces/IProofs.sol";
import { Receipt, ServingKey } from "./Types.sol";

/// @title EIP-712 struct hash of receipts, who signs them, and the hashes they and vouchers carry
library Receipts {
    bytes32 internal constant TYPEHASH = keccak256(
        "Receipt(bytes32 licenseId,uint32 keyEpoch,bytes32 channelId,uint64 seq,uint64 cumulativeRequests,uint64 cumulativeTokens,uint64 servedAt,bytes32 requestHash,bytes32 responseHash)"
    );

    /// @dev What a reporter has at least, however late its evidence is due.
    uint256 internal constant REVOKED_PROOF_TIME = 7 days;

    bytes32 internal constant REQUEST_DOMAIN = keccak256("OML.request.v1");
    bytes32 internal constant PLAIN_REQUEST_DOMAIN = keccak256("OML.request.plain.v1");
    bytes32 internal constant RESPONSE_DOMAIN = keccak256("OML.response.v2");

    /// @notice EIP-712 `hashStruct`.
    function structHash(Receipt calldata receipt) internal pure returns (bytes32) {
        // Every field is static, so the struct's encoding is its fields' one after the other.
        return keccak256(abi.encode(TYPEHASH, receipt));
    }

    /// @notice The same for a receipt that was put together.
    function structHashOf(Receipt memory receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, receipt));
    }

    /// @notice Last moment at which proofs by this key are admissible: a receipt of a revoked key
    /// can at the latest be due when the settlement period after its revocation is over.
    function admissibleUntil(ServingKey memory key, uint40 settlementPeriod)
        internal
        pure
        returns (uint256)
    {
        if (!key.revoked) return type(uint256).max;
        return uint256(key.until) + settlementPeriod + REVOKED_PROOF_TIME;
    }

    /// @notice Reverts if the key of this epoch was revoked too long ago to prove anything.
    function requireAdmissible(ServingKey memory key, uint32 keyEpoch, uint40 settlementPeriod)
        internal
        view
    {
        uint256 until = admissibleUntil(key, settlementPeriod);
        require(block.timestamp <= until, IProofs.Proofs_KeyRevoked(keyEpoch, until));
    }

    /// @notice Reverts unless the key itself has signed.
    /// @dev Never by EIP-1271: an account's code could take back what its key has signed, or sign
    /// for everybody.
    function requireSigned(ServingKey memory key, bytes32 digest, bytes calldata signature)
        internal
        view
    {
        _requireKey(key, ECDSA.tryRecoverCalldata(digest, signature));
    }

    /// @notice The same for a signature in two words (EIP-2098).
    function requireSigned(ServingKey memory key, bytes32 digest, bytes32 r, bytes32 vs)
        internal
        view
    {
        _requireKey(key, ECDSA.tryRecover(digest, r, vs));
    }

    function _requireKey(ServingKey memory key, address signer) private pure {
        // The recovery of an invalid signature is 0, which must never stand for a key.
        require(
            signer == key.signer && signer != address(0),
            IProofs.Proofs_BadReceiptSignature(signer, key.signer)
        );
    }

    /// @notice When a receipt was served at the earliest: it can't be older than its key, whatever
    /// date it has.
    function servedFrom(uint64 servedAt, ServingKey memory key) internal pure returns (uint64) {
        return servedAt > key.from ? servedAt : key.from;
    }

    /// @notice When a receipt was served at the latest: before its key has ended, whatever date it
    /// has.
    function servedBy(uint64 servedAt, ServingKey memory key) internal pure returns (uint64) {
        return servedAt < key.until ? servedAt : key.until;
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

    /// @notice What a receipt says of the response. The first word's tag stands by itself, so that
    /// a proof about answers needs not carry their texts; payers refuse a receipt whose tag is not
    /// their text's.
    function responseHash(bytes4 tag, bytes32 textHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(RESPONSE_DOMAIN, tag, textHash));
    }
}
