// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CaseStatus, Terms } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";
import { SampleTerms } from "../../utils/SampleTerms.sol";

/// @dev A hit doubles the evidence and 2^32 is demanded, so 32 hits are exactly the threshold.
contract ChallengeManager_exactThreshold is CaseTest {
    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.evidence.personalHit = uint64(2 * SampleTerms.ONE);
        terms.evidence.personalMiss = uint64(14 * SampleTerms.ONE / 15);
        terms.evidence.alphaInverse = 1 << 32;
    }

    function test_upheldAtTheThreshold() public {
        Round memory round = _opened(Behaviour.OwnCopy);
        assertEq(int256(_threshold(round.id)), int256(32 << 32), "threshold");
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(vault.collateral(ref()).amount, 20 ether, "collateral");
    }

    /// @dev In the second case one bit more is demanded than 32 hits say.
    function test_dismissedOnceMoreIsDemanded() public {
        _open();
        Round memory round = _opened(Behaviour.OwnCopy);
        assertEq(int256(_threshold(round.id)), int256(33 << 32), "threshold");
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Dismissed);
        assertEq(vault.collateral(ref()).amount, COLLATERAL, "collateral");
    }
}
