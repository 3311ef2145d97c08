// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "../interfaces/IBeacon.sol";
import { BlockHeader } from "../libraries/BlockHeader.sol";

/// @title Beacon whose value of round `n` is RANDAO in block `n`: the `mixHash` of its header
/// @notice It is fixed by what the makers of the blocks before `n` revealed, and a reveal is the
/// only one of its maker and epoch (EIP-4399). So, unlike a block's hash, it can't be tried out:
/// whoever makes blocks can only leave some out, for all of their reward. Who has `k` slots in a
/// row before block `n` chooses among at most 2^k values; `biasBits` is the `k` for which premiums
/// are paid.
///
/// Whoever makes the `margin` blocks from the commitment on knows the value when it commits, and
/// could choose its commitment by it. So the margin is larger than `biasBits`; on Ethereum it
/// should be 128 blocks, four epochs: who makes a block is known at most two epochs ahead, so that
/// nobody can aim a commitment at slots of its own, and the commitment is final before its value is
/// known.
/// @dev Not for chains where one party makes all blocks, nor where `block.number` or `prevrandao`
/// are another chain's: Arbitrum's number is that of Ethereum, and headers never match; OP's
/// `prevrandao` is that of an Ethereum block which is known before. Deployment knows such chains.
contract RandaoBeacon is IBeacon {
    /// @notice The header is not that of the round's block.
    error Randao_OtherBlock(uint48 round, bytes32 given, bytes32 expected);
    /// @notice The block's hash can't be had any more.
    error Randao_Stale(uint48 round);
    /// @notice The chain has no RANDAO, or `block.number` is another chain's: the header has no mix
    /// hash or another number.
    error Randao_NotRandao(uint256 number, bytes32 mixHash);
    /// @notice The history of hashes did not answer; more gas may help.
    error Randao_NoHistory(uint48 round);

    /// @dev EIP-2935: the hashes of the last 8,191 blocks.
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    uint256 private constant HISTORY_LENGTH = 8191;
    /// @dev It reads one slot.
    uint256 private constant HISTORY_GAS = 50_000;

    /// @dev More is a mistake in units.
    uint48 private constant MAX_MARGIN = 7200;
    uint8 private constant MAX_BIAS_BITS = 64;

    /// @inheritdoc IBeacon
    uint48 public immutable margin;
    /// @inheritdoc IBeacon
    uint8 public immutable biasBits;

    mapping(uint48 round => bytes32) private _values;

    constructor(uint48 margin_, uint8 biasBits_) {
        require(
            biasBits_ != 0 && biasBits_ <= MAX_BIAS_BITS,
            Beacon_BadSetting("biasBits", biasBits_, 1, MAX_BIAS_BITS)
        );
        require(
            margin_ > biasBits_ && margin_ <= MAX_MARGIN,
            Beacon_BadSetting("margin", margin_, biasBits_ + 1, MAX_MARGIN)
        );
        margin = margin_;
        biasBits = biasBits_;
    }

    /// @inheritdoc IBeacon
    /// @dev The proof is the block's header in RLP, as it is hashed.
    function bring(uint48 round, bytes calldata proof) external returns (bytes32 value) {
        value = _values[round];
        if (value != 0) return value;
        require(round < block.number, Beacon_NotOut(round, block.number, uint256(round) + 1));
        bytes32 expected = _hashOf(round);
        require(expected != 0, Randao_Stale(round));
        bytes32 given = keccak256(proof);
        require(given == expected, Randao_OtherBlock(round, given, expected));

        uint256 number;
        (number, value) = BlockHeader.read(proof);
        require(number == round && value != 0, Randao_NotRandao(number, value));
        _values[round] = value;
        emit RoundBrought(round, value);
    }

    /// @inheritdoc IBeacon
    function nextRound() external view returns (uint48) {
        return uint48(block.number) + margin;
    }

    /// @inheritdoc IBeacon
    /// @dev Stale once the block's hash is out of reach, 8,191 blocks later (about 27 hours), or
    /// 256 where the history is missing. Who dislikes a value gains from that, a new draw; but
    /// anybody who likes it, or guards the protocol, prevents it by bringing the header in time.
    function valueOf(uint48 round) external view returns (Status status, bytes32 value) {
        value = _values[round];
        if (value != 0) return (Status.Ready, value);
        bool gone = round < block.number && _hashOf(round) == 0;
        return (gone ? Status.Stale : Status.Pending, 0);
    }

    /// @inheritdoc IBeacon
    function kind() external pure returns (Kind) {
        return Kind.Randao;
    }

    /// @dev Hash of an earlier block, 0 if it can't be had. A call that runs out of gas reverts: it
    /// must not look like a hash that is gone, or the caller could have a new draw by sending too
    /// little.
    function _hashOf(uint48 round) private view returns (bytes32) {
        bytes32 hash = blockhash(round);
        if (hash != 0 || block.number - round > HISTORY_LENGTH) return hash;
        (bool ok, bytes memory answer) =
            HISTORY.staticcall{ gas: HISTORY_GAS }(abi.encode(uint256(round)));
        require(ok, Randao_NoHistory(round));
        return answer.length == 32 ? abi.decode(answer, (bytes32)) : bytes32(0);
    }
}
