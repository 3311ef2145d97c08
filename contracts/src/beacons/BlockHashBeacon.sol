// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BlockHashLib } from "solady/utils/BlockHashLib.sol";

import { IBeacon } from "../interfaces/IBeacon.sol";

/// @title Beacon whose value of round `n` is the hash of block `n`
/// @notice A proposer who dislikes a hash can skip its slot: one bit of bias per skipped slot, paid
/// for with the block's reward. On chains where one party makes all blocks use another beacon.
/// @dev Hashes stay available for 256 blocks by opcode and for 8,191 blocks by the history contract
/// of EIP-2935; where that contract is missing, a round is stale after 256 blocks.
contract BlockHashBeacon is IBeacon {
    /// @dev Blocks from a commitment to its value. Whoever makes the commitment's block often makes
    /// the next one too and could choose both; three in a row are rarer.
    uint48 private constant DELAY = 2;

    /// @inheritdoc IBeacon
    function nextRound() external view returns (uint48 round) {
        return uint48(block.number) + DELAY;
    }

    /// @inheritdoc IBeacon
    function valueOf(uint48 round) external view returns (Status status, bytes32 value) {
        if (round >= block.number) return (Status.Pending, 0);
        value = BlockHashLib.blockHash(round);
        return value == 0 ? (Status.Stale, bytes32(0)) : (Status.Ready, value);
    }
}
