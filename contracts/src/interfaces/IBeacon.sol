// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Source of randomness that nobody knows when a commitment is made
/// @notice A commitment names `nextRound()`. Once the round is out, anybody brings what proves its
/// value; from then on `valueOf` has it. Rounds grow with time, and so do their numbers.
interface IBeacon {
    /// @notice What a node has to bring.
    enum Kind {
        Other,
        Randao,
        DrandBn254,
        DrandBls12
    }

    enum Status {
        Pending,
        Ready,
        Stale
    }

    event RoundBrought(uint48 indexed round, bytes32 value);

    /// @notice The round is not out at the block (RANDAO) or time (drand) `present`, but at `due`.
    error Beacon_NotOut(uint48 round, uint256 present, uint256 due);
    /// @notice There is no such round.
    error Beacon_NoSuchRound(uint48 round);
    /// @notice A constructor argument is outside of its bounds.
    error Beacon_BadSetting(bytes32 name, uint256 given, uint256 min, uint256 max);

    /// @notice Proves the value of a round, once; later calls return it whatever the proof.
    function bring(uint48 round, bytes calldata proof) external returns (bytes32 value);

    /// @notice The round to name in a commitment made now; its value is unknown to everyone.
    function nextRound() external view returns (uint48 round);

    /// @notice Value of a round. `Pending`: not out, or not brought. `Stale`: can't be had any
    /// more, commit again.
    function valueOf(uint48 round) external view returns (Status status, bytes32 value);

    /// @notice Distance from a commitment to its value: blocks (RANDAO) or seconds (drand).
    function margin() external view returns (uint48);

    /// @notice Bits that one who makes blocks can buy per round by skipping slots; the premium of a
    /// round is 1 + this.
    function biasBits() external view returns (uint8);

    function kind() external pure returns (Kind);
}
