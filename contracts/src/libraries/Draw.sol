// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What randomness after the commitment decides: answers, assignments, seeds
library Draw {
    /// @notice Candidate, 0 … 15, that is the answer to fingerprint `index`: of the personal part for the license whose
    /// seed it is, of the shared part for the model whose seed it is.
    function candidate(bytes32 drawSeed, bytes32 root, uint32 index)
        internal
        pure
        returns (uint256 result)
    {
        // keccak(drawSeed ‖ root ‖ index) in scratch memory; the free memory pointer is put back.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0x00, drawSeed)
            mstore(0x20, root)
            mstore(0x40, shl(224, index))
            result := and(keccak256(0x00, 0x44), 0x0f)
            mstore(0x40, free)
        }
    }

    /// @notice Whether a license's copy carries shared fingerprint `index`.
    /// @param assignmentP probability in 1/65536
    function isAssigned(bytes32 licenseSeed, bytes32 root, uint32 index, uint16 assignmentP)
        internal
        pure
        returns (bool)
    {
        bytes32 drawn = keccak256(abi.encodePacked(licenseSeed, root, "assigned", index));
        return uint16(bytes2(drawn)) < assignmentP;
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
