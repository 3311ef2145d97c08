// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CaseStatus, Terms } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

/// @dev Bond and fee of one unit of the currency: not even that is lost.
contract ChallengeManager_oneUnit is CaseTest {
    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        (terms.reportBond, terms.proverFee) = (1, 1);
    }

    function test_creditsBondAndFees() public {
        Round memory round = _opened(Behaviour.OtherCopy);
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Dismissed);
        assertEq(_balance(host.addr), 1, "the bond of a dismissed report");
        for (uint256 i; i < 5; ++i) {
            assertEq(_balance(round.committee[i]), 1, "fee");
        }
        assertEq(_balance(reporter), 0, "reporter");
        _assertManagerOwes(6);
    }

    function test_returnsTheFeeOfOneWhoDidNotReveal() public {
        (Round memory round,) = _revealedByFour(Behaviour.OwnCopy);
        skip(3 hours + 1);
        _openLeaves(round);
        skip(5 hours + 1);
        _resolve(round);
        _assertCase(round.caseId, CaseStatus.Upheld);
        assertEq(_balance(reporter), 2, "bond and one fee");
        assertEq(_balance(round.committee[4]), 0, "no fee");
        _assertManagerOwes(6);
    }
}
