// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Draw } from "../../../src/libraries/Draw.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract DrawTest is TestBase {
    bytes32 private constant SEED = keccak256("seed");
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant SALT = keccak256("salt");

    function test_candidate_isTheLastHalfByte() public pure {
        for (uint32 index; index < 32; ++index) {
            uint256 hash = uint256(keccak256(abi.encodePacked(SEED, ROOT, SALT, index)));
            assertEq(Draw.candidate(SEED, ROOT, index, SALT), hash % 16, "candidate");
        }
    }

    function test_seed_bindsValueContractAndSubject() public pure {
        bytes32 expected = keccak256(abi.encodePacked(ROOT, address(7), SALT));
        assertEq(Draw.seed(ROOT, address(7), SALT), expected);
    }

    /// @dev Solidity takes the zero slot for every array that has no elements yet.
    function test_candidate_leavesTheZeroSlotZero() public pure {
        Draw.candidate(SEED, ROOT, type(uint32).max, SALT);
        bytes memory nothing;
        assertEq(nothing.length, 0, "empty");
    }
}
