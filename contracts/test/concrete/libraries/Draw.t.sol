// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Draw } from "../../../src/libraries/Draw.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract DrawTest is TestBase {
    bytes32 private constant SEED = keccak256("seed");
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant SALT = keccak256("salt");

    /// @dev The probability is `p` in 65,536: of the numbers below `p`, and not of `p` itself.
    function test_isAssigned_belowTheProbability() public pure {
        uint16 drawn =
            uint16(bytes2(keccak256(abi.encodePacked(SEED, ROOT, SALT, "assigned", uint32(7)))));
        assertFalse(Draw.isAssigned(SEED, ROOT, 7, SALT, drawn), "at the probability");
        assertTrue(Draw.isAssigned(SEED, ROOT, 7, SALT, drawn + 1), "below it");
    }

    /// @dev Solidity takes the zero slot for every array that has no elements yet.
    function test_candidate_leavesTheZeroSlotZero() public pure {
        Draw.candidate(SEED, ROOT, type(uint32).max, SALT);
        bytes memory nothing;
        assertEq(nothing.length, 0, "empty");
    }
}
