// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TermsCheckTest } from "../../utils/TermsCheckTest.sol";

/// @dev TermsCheck.tree
contract TermsCheckConcrete is TermsCheckTest {
    function test_agreeAtEveryBoundOfEveryWord() public view {
        bytes memory good = _good();
        _agree(good, _lineage(), true);
        for (uint256 word = FIRST; word <= LAST; ++word) {
            for (uint256 i; i < 54; ++i) {
                bytes memory words = _copy(good);
                _set(words, word, _bound(i));
                _agree(words, _lineage(), false);
            }
        }
    }
}
