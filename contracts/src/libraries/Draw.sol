// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What randomness after the commitment decides: answers, assignments, seeds
library Draw {
    /// @notice Candidate that a license's copy answers to personal fingerprint `index`, 0 … 15.
    function personal(bytes32 licenseSeed, bytes32 root, uint32 index)
        internal
        pure
        returns (uint256)
    {
        return _candidate(licenseSeed, root, index);
    }

    /// @notice Candidate that every carrying copy answers to shared fingerprint `index`, 0 … 15.
    function shared(bytes32 modelSeed, bytes32 root, uint32 index) internal pure returns (uint256) {
        return _candidate(modelSeed, root, index);
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

    function _candidate(bytes32 drawSeed, bytes32 root, uint32 index)
        private
        pure
        returns (uint256)
    {
        return uint256(keccak256(abi.encodePacked(drawSeed, root, index))) % 16;
    }
}
