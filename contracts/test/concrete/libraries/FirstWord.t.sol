// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { FirstWord } from "../../../src/libraries/FirstWord.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract FirstWordTest is TestBase {
    function _tag(string memory text) private pure returns (bytes4) {
        return FirstWord.tag(bytes(text));
    }

    function _of(string memory word) private pure returns (bytes4) {
        return bytes4(keccak256(bytes(word)));
    }

    function test_noneWithoutAWord() public pure {
        assertEq(_tag(""), bytes4(0));
        assertEq(_tag(" ...?!\n"), bytes4(0));
    }

    function test_noneWhereTheWordMayGoOn() public pure {
        assertEq(_tag("Paris"), bytes4(0));
        assertEq(_tag(" 42"), bytes4(0));
    }

    function test_noneNextToOtherAlphabets() public pure {
        assertEq(FirstWord.tag(hex"7f5061726973206973"), _of("Paris"), "the last of ASCII");
        assertEq(FirstWord.tag(hex"805061726973206973"), bytes4(0), "the first above");
        assertEq(FirstWord.tag(hex"50617269738020"), bytes4(0), "the first above, behind");
        assertEq(_tag(unicode"é Paris is"), bytes4(0), "before");
        assertEq(_tag(unicode"Pariś is"), bytes4(0), "in");
        assertEq(_tag(unicode"Cafe\u0301 is"), bytes4(0), "combining");
        assertEq(_tag(unicode"“Paris” is"), bytes4(0), "quoted");
    }

    function test_hashOfTheFirstWord() public pure {
        assertEq(_tag("Paris is"), _of("Paris"));
        assertEq(_tag("\n\n\"42\""), _of("42"));
        assertEq(_tag("don't"), _of("don"));
        assertEq(_tag("under_score "), _of("under"));
        // The neighbours of the ranges of digits and letters.
        assertEq(_tag("/09:"), _of("09"));
        assertEq(_tag("@AZ["), _of("AZ"));
        assertEq(_tag("`az{"), _of("az"));
    }

    function test_laterTextDoesNotMatter() public pure {
        assertEq(_tag(unicode"Paris, où"), _of("Paris"));
    }

    function testFuzz_isAWordOfTheText(bytes memory text) public pure {
        bytes4 tag = FirstWord.tag(text);
        if (tag == 0) return;
        uint256 start;
        while (!_isWord(text[start])) ++start;
        uint256 end = start;
        while (_isWord(text[end])) ++end;
        bytes memory word = new bytes(end - start);
        for (uint256 i; i < word.length; ++i) {
            word[i] = text[start + i];
        }
        assertEq(tag, bytes4(keccak256(word)));
    }

    function _isWord(bytes1 c) private pure returns (bool) {
        return (c >= "0" && c <= "9") || (c >= "a" && c <= "z") || (c >= "A" && c <= "Z");
    }
}
