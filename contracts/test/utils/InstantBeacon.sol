// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { BlockHashLib } from "solady/utils/BlockHashLib.sol";

import { IBeacon } from "../../src/interfaces/IBeacon.sol";

/// @title Beacon of tests that are about something else: nobody has to bring its rounds
/// @notice The value of round `n` is the hash of block `n`, which tests set. Never to be deployed:
/// whoever makes a block chooses its hash.
contract InstantBeacon is IBeacon {
    uint48 public constant margin = 2;
    uint8 public constant biasBits = 0;

    function bring(uint48 round, bytes calldata) external view returns (bytes32 value) {
        (, value) = valueOf(round);
    }

    function nextRound() external view returns (uint48) {
        return uint48(block.number) + margin;
    }

    function valueOf(uint48 round) public view returns (Status status, bytes32 value) {
        if (round >= block.number) return (Status.Pending, 0);
        value = BlockHashLib.blockHash(round);
        return value == 0 ? (Status.Stale, bytes32(0)) : (Status.Ready, value);
    }

    function kind() external pure returns (Kind) {
        return Kind.Other;
    }
}
