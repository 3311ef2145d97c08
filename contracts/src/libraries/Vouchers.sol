// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ECDSA } from "solady/utils/ECDSA.sol";
import { EfficientHashLib } from "solady/utils/EfficientHashLib.sol";
import { LibCall } from "solady/utils/LibCall.sol";

/// @title EIP-712 hashing of vouchers, and signature checks that can't hurt a batch
/// @dev Batches hash in scratch memory: `abi.encode` would grow the memory, and its price, with
/// every row.
library Vouchers {
    bytes32 internal constant TYPEHASH = keccak256(
        "Voucher(bytes32 channelId,uint128 cumulativeAmount,uint64 cumulativeRequests,uint64 cumulativeTokens,bytes32 requestHash)"
    );

    /// @dev A host's word that of what is deposited it claims nothing above an amount.
    bytes32 internal constant CLOSE_TYPEHASH =
        keccak256("Close(bytes32 channelId,uint128 deposited,uint128 finalAmount)");

    /// @dev Enough for multi-signature wallets; bounds what one row of a batch can burn.
    uint256 internal constant CONTRACT_SIGNER_GAS = 100_000;

    bytes4 private constant EIP1271_MAGIC = 0x1626ba7e;

    /// @notice Identifier of a channel, see `docs/formats.md`.
    function channelId(
        address escrow,
        bytes32 licenseId,
        address payer,
        address signer,
        bytes32 salt
    ) internal view returns (bytes32) {
        return EfficientHashLib.hash(
            block.chainid,
            uint160(escrow),
            uint256(licenseId),
            uint160(payer),
            uint160(signer),
            uint256(salt)
        );
    }

    /// @notice EIP-712 struct hash.
    function structHash(
        bytes32 channel,
        uint128 cumulativeAmount,
        uint64 cumulativeRequests,
        uint64 cumulativeTokens,
        bytes32 requestHash
    ) internal pure returns (bytes32) {
        return EfficientHashLib.hash(
            uint256(TYPEHASH),
            uint256(channel),
            cumulativeAmount,
            cumulativeRequests,
            cumulativeTokens,
            uint256(requestHash)
        );
    }

    /// @notice EIP-712 struct hash of a cooperative close.
    function closeHash(bytes32 channel, uint128 deposited, uint128 finalAmount)
        internal
        pure
        returns (bytes32)
    {
        return EfficientHashLib.hash(
            uint256(CLOSE_TYPEHASH), uint256(channel), deposited, finalAmount
        );
    }

    /// @notice Whether `signature` over `digest` is `signer`'s, by its key or by EIP-1271. Never
    /// reverts.
    /// @dev The key goes first, so that an account which delegates to code (EIP-7702) can't take
    /// back what its key has signed.
    function isSignedBy(address signer, bytes32 digest, bytes calldata signature)
        internal
        view
        returns (bool)
    {
        if (signer == address(0)) return false;
        if (ECDSA.tryRecoverCalldata(digest, signature) == signer) return true;
        return signer.code.length != 0 && _isSignedByContract(signer, digest, signature);
    }

    /// @dev One word of the answer is copied: one of megabytes would be charged to the batch.
    function _isSignedByContract(address signer, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool)
    {
        (bool ok,, bytes memory answer) = LibCall.tryStaticCall(
            signer,
            CONTRACT_SIGNER_GAS,
            32,
            abi.encodeWithSelector(EIP1271_MAGIC, digest, signature)
        );
        return ok && answer.length == 32 && bytes4(answer) == EIP1271_MAGIC;
    }
}
