// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../src/interfaces/IChallengeTypes.sol";
import { EValue } from "../../src/libraries/EValue.sol";
import { CopyTest } from "../utils/CopyTest.sol";

/// @title A host without the copy, whatever it answers, is not convicted of serving it
contract InnocenceFuzz is CopyTest {
    /// @dev Answers by any rule that does not know the draw: some candidate of each key, one out of
    /// 17 times none. Each run opens 32 leaves and signs 32 receipts, so there are fewer:
    /// forge-config: default.fuzz.runs = 24
    /// forge-config: long.fuzz.runs = 500
    function testFuzz_anyAnswersWithoutTheDraw(bytes32 rule) public {
        IChallengeTypes.Series memory series = _series();
        _reportSeries(series);
        IChallengeTypes.SeriesEvidence memory given = _evidence(series, 0);
        uint256 hits;
        for (uint256 j; j < given.answers.length; ++j) {
            uint32 index = series.bundles[j / 16] * 16 + uint32(j % 16);
            uint256 choice = uint256(keccak256(abi.encode(rule, j))) % 17;
            if (choice < 16 && choice == _drawnCandidate(index)) ++hits;
            string memory word = choice < 16 ? words.word(index, choice) : "Something";
            _answer(given, j, series, string.concat(word, " else"));
        }
        (uint64 h, uint64 m) = (ref().terms.evidence.personalHit, ref().terms.evidence.personalMiss);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotEnough.selector,
                EValue.evidence(hits, 32 - hits, h, m),
                EValue.threshold(1e9, type(uint32).max, type(uint32).max) + 6 * int64(1 << 32)
            )
        );
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
    }
}
