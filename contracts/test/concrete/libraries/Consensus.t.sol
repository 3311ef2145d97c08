// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Consensus } from "../../../src/libraries/Consensus.sol";
import { Sheets } from "../../utils/Sheets.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract ConsensusTest is TestBase {
    bytes4 private constant A = 0xaaaaaaaa;
    bytes4 private constant B = 0xbbbbbbbb;

    function judge(bytes[] calldata sheets, bytes calldata sheetOf, uint256 count)
        external
        pure
        returns (bytes4[] memory tags, uint256 dissenters)
    {
        return Consensus.judge(sheets, sheetOf, count, Consensus.quorum(sheetOf.length));
    }

    function _judge(bytes[] memory tags, uint256 count)
        private
        view
        returns (bytes4[] memory, uint256)
    {
        (bytes[] memory sheets, bytes memory sheetOf) = Sheets.from(tags);
        return this.judge(sheets, sheetOf, count);
    }

    function test_quorum() public pure {
        uint8[8] memory expected = [1, 2, 2, 3, 4, 4, 5, 6];
        for (uint256 size = 1; size <= 8; ++size) {
            assertEq(Consensus.quorum(size), expected[size - 1], "quorum");
        }
    }

    function test_agreed() public view {
        bytes[] memory tags = new bytes[](5);
        tags[0] = abi.encodePacked(A, A, bytes4(0), B);
        tags[1] = abi.encodePacked(A, A, bytes4(0), A);
        tags[2] = abi.encodePacked(A, B, bytes4(0), A);
        tags[3] = abi.encodePacked(A, B, bytes4(0), A);
        tags[4] = abi.encodePacked(B, A, A, A);
        (bytes4[] memory agreed, uint256 dissenters) = _judge(tags, 4);
        assertEq(bytes32(agreed[0]), bytes32(A), "four of five");
        assertEq(bytes32(agreed[1]), 0, "three of five");
        assertEq(bytes32(agreed[2]), 0, "nothing");
        assertEq(bytes32(agreed[3]), bytes32(A), "without the first");
        assertEq(dissenters, 0, "half is not more than half");
    }

    function test_membersThatDidNotRevealCountAgainstTheQuorum() public view {
        bytes[] memory tags = new bytes[](5);
        tags[1] = abi.encodePacked(A, A);
        tags[2] = abi.encodePacked(A, A);
        tags[3] = abi.encodePacked(A, A);
        tags[4] = abi.encodePacked(A, B);
        (bytes4[] memory agreed, uint256 dissenters) = _judge(tags, 2);
        assertEq(bytes32(agreed[0]), bytes32(A), "four of five");
        assertEq(bytes32(agreed[1]), 0, "three of five");
        assertEq(dissenters, 0, "nobody");
    }

    /// @dev Members that say nothing agree on nothing, though all of them say the same.
    function test_silenceIsNoConsensus() public view {
        bytes[] memory tags = new bytes[](5);
        tags[4] = abi.encodePacked(A, B);
        (bytes4[] memory agreed, uint256 dissenters) = _judge(tags, 2);
        assertEq(bytes32(agreed[0]), 0, "first");
        assertEq(bytes32(agreed[1]), 0, "second");
        assertEq(dissenters, 0, "nobody");
    }

    /// @dev Nothing is read for a member that did not reveal, the call's own bytes neither: else
    /// two colluding members could agree with three that said nothing.
    function test_theCallItselfIsNoVote() public view {
        bytes[] memory tags = new bytes[](5);
        tags[3] = abi.encodePacked(this.judge.selector);
        tags[4] = abi.encodePacked(this.judge.selector);
        (bytes4[] memory agreed,) = _judge(tags, 1);
        assertEq(bytes32(agreed[0]), 0, "two of five");
    }

    function test_dissenters() public view {
        bytes[] memory tags = new bytes[](6);
        for (uint256 i; i < 4; ++i) {
            tags[i] = abi.encodePacked(A, A, A, A, A);
        }
        tags[4] = abi.encodePacked(B, B, A, A, A);
        tags[5] = abi.encodePacked(B, B, B, A, A);
        (, uint256 dissenters) = _judge(tags, 5);
        assertEq(dissenters, 1 << 5, "three of five differ");
    }
}
