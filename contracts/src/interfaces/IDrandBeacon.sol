// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What a node must know of a drand network besides `IBeacon`
interface IDrandBeacon {
    /// @notice The proof is not this long.
    error Drand_BadLength(uint256 given, uint256 expected);
    /// @notice Not the network's signature of this round.
    error Drand_BadSignature(uint48 round);
    /// @notice Not a point of the right group, or its zero.
    error Drand_BadPublicKey();

    /// @notice Second in which a round comes out.
    function publishedAt(uint48 round) external view returns (uint256);

    /// @notice The network's key, not compressed: x.c1, x.c0, y.c1, y.c0.
    function publicKey() external view returns (bytes memory);

    /// @notice Second of round 1.
    function genesis() external view returns (uint48);

    /// @notice Seconds from round to round.
    function period() external view returns (uint48);
}
