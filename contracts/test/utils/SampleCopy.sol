// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title A sealed copy and its key, as tests deliver them
library SampleCopy {
    /// @dev To which it is sealed.
    bytes32 internal constant ENCRYPTION_KEY = keccak256("encryption key");
    bytes32 internal constant ROOT = keccak256("sealed copy");
    bytes32 internal constant KEY = keccak256("copy key");
    bytes32 internal constant KEY_HASH = keccak256(abi.encode(KEY));
}
