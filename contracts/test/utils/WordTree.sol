// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { FingerprintTree } from "./FingerprintTree.sol";
import { Vm } from "./Vm.sol";

/// @title A universe whose candidates are words, so that a text can answer with one
contract WordTree is FingerprintTree {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    constructor(bytes32 modelId_, uint32 count_) FingerprintTree(modelId_, 0, count_) { }

    /// @dev Candidate `j` of leaf `i`: the word with the `j`-th smallest tag.
    function word(uint32 i, uint256 j) public pure returns (string memory) {
        return _word(i, uint8(uint256(_sorted(i)[j])));
    }

    function tag(uint32 i, uint256 j) public pure override returns (bytes4) {
        return bytes4(_sorted(i)[j]);
    }

    function tags(uint32 i) public pure override returns (bytes32[2] memory packed) {
        bytes32[16] memory sorted = _sorted(i);
        for (uint256 j; j < 16; ++j) {
            packed[j / 8] |= bytes32(bytes4(sorted[j])) >> (32 * (j % 8));
        }
    }

    function _word(uint32 i, uint8 n) private pure returns (string memory) {
        return string.concat("Word", vm.toString(i), "x", vm.toString(n));
    }

    /// @dev Tag in the first four bytes, number of the word in the last; ascending.
    function _sorted(uint32 i) private pure returns (bytes32[16] memory sorted) {
        for (uint8 n; n < 16; ++n) {
            bytes32 own = bytes32(bytes4(keccak256(bytes(_word(i, n))))) | bytes32(uint256(n));
            uint256 place = n;
            for (; place != 0 && sorted[place - 1] > own; --place) {
                sorted[place] = sorted[place - 1];
            }
            sorted[place] = own;
        }
    }
}
