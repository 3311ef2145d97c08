// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Source of randomness that nobody knows when a commitment is made
interface IBeacon {
    enum Status {
        Pending,
        Ready,
        Stale
    }

    /// @notice The round to name in a commitment made now; its value is unknown to everyone.
    function nextRound() external view returns (uint48 round);

    /// @notice Value of a round. `Pending`: not out yet. `Stale`: can't be had any more, commit
    /// again.
    function valueOf(uint48 round) external view returns (Status status, bytes32 value);
}
