// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What randomness after the commitment decides on chain: answers and seeds
library Draw {
    /// @notice Candidate, 0 … 15, that is the answer to fingerprint `index`: of the personal part
    /// for the license whose seed it is, of the shared part for the model whose seed it is.
    /// @param salt the leaf's, secret until it is opened: seeds are public, and whoever knew the
    /// draw could answer like a license whose copy it does not have
    function candidate(bytes32 drawSeed, bytes32 root, uint32 index, bytes32 salt)
        internal
        pure
        returns (uint256 result)
    {
        // keccak(drawSeed ‖ root ‖ salt ‖ index) in scratch memory; the free memory pointer is put
        // back.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0x00, drawSeed)
            mstore(0x20, root)
            mstore(0x40, salt)
            mstore(0x60, shl(224, index))
            result := and(keccak256(0x00, 0x64), 0x0f)
            mstore(0x40, free)
            mstore(0x60, 0)
        }
    }

    /// @notice Seed of `subject` from a beacon value, bound to the contract that uses it.
    function seed(bytes32 beaconValue, address user, bytes32 subject)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encodePacked(beaconValue, user, subject));
    }
}
