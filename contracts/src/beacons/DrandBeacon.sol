// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "../interfaces/IBeacon.sol";
import { IDrandBeacon } from "../interfaces/IDrandBeacon.sol";

/// @title Beacon whose rounds are those of a drand network: the network's signature of the number
/// @notice A signature is the only one of its round, so neither the network nor who brings it has a
/// choice; only as many of the network's members as can sign know it before it is out. Its value
/// is drand's randomness, the SHA-256 of the signature.
/// @dev Rounds go by the chain's clock. The margin must cover by how much that clock can be late:
/// a block's time is the start of its slot, and whoever makes blocks can hold one back, for all of
/// the slots that it has in a row; a sequencer's clock may lag by more, after an outage by hours.
/// Whoever knows a value that much earlier chooses its commitment by it.
abstract contract DrandBeacon is IBeacon, IDrandBeacon {
    /// @notice Two slots of Ethereum that one maker holds back, and what clocks differ by; public
    /// chains need 300.
    uint48 public constant MIN_MARGIN = 30;
    /// @dev More is a mistake in units.
    uint48 private constant MAX_MARGIN = 1 days;
    uint48 private constant MAX_PERIOD = 1 days;

    /// @inheritdoc IDrandBeacon
    uint48 public immutable genesis;
    /// @inheritdoc IDrandBeacon
    uint48 public immutable period;
    /// @inheritdoc IBeacon
    uint48 public immutable margin;

    mapping(uint48 round => bytes32) private _values;

    constructor(uint48 genesis_, uint48 period_, uint48 margin_) {
        uint48 last = type(uint48).max - MAX_MARGIN;
        require(genesis_ != 0 && genesis_ <= last, Beacon_BadSetting("genesis", genesis_, 1, last));
        require(
            period_ != 0 && period_ <= MAX_PERIOD,
            Beacon_BadSetting("period", period_, 1, MAX_PERIOD)
        );
        require(
            margin_ >= MIN_MARGIN && margin_ <= MAX_MARGIN,
            Beacon_BadSetting("margin", margin_, MIN_MARGIN, MAX_MARGIN)
        );
        genesis = genesis_;
        period = period_;
        margin = margin_;
    }

    /// @inheritdoc IBeacon
    /// @dev Not before its time by the chain's clock: so no commitment can name a round that is
    /// here already.
    function bring(uint48 round, bytes calldata proof) external returns (bytes32 value) {
        value = _values[round];
        if (value != 0) return value;
        uint256 due = publishedAt(round);
        require(due <= block.timestamp, Beacon_NotOut(round, block.timestamp, due));

        value = _verified(round, proof);
        _values[round] = value;
        emit RoundBrought(round, value);
    }

    /// @inheritdoc IBeacon
    /// @dev The first round that comes out `margin` or more seconds from now.
    function nextRound() external view returns (uint48) {
        uint256 earliest = block.timestamp + margin;
        if (earliest <= genesis) return 1;
        return uint48((earliest - genesis + period - 1) / period + 1);
    }

    /// @inheritdoc IBeacon
    /// @dev Never stale: a signature can be brought for ever.
    function valueOf(uint48 round) external view returns (Status status, bytes32 value) {
        value = _values[round];
        return (value == 0 ? Status.Pending : Status.Ready, value);
    }

    /// @inheritdoc IBeacon
    function biasBits() external pure returns (uint8) {
        return 0;
    }

    /// @inheritdoc IDrandBeacon
    function publishedAt(uint48 round) public view returns (uint256) {
        require(round != 0, Beacon_NoSuchRound(round));
        return uint256(genesis) + uint256(round - 1) * period;
    }

    /// @dev drand's randomness of a round, if `proof` is its signature; else reverts.
    function _verified(uint48 round, bytes calldata proof) internal view virtual returns (bytes32);
}
