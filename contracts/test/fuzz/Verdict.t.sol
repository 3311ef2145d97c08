// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EValue } from "../../src/libraries/EValue.sol";
import { CaseStatus, EvidenceTerms } from "../../src/libraries/Types.sol";
import { CaseTest } from "../utils/CaseTest.sol";

contract VerdictFuzz is CaseTest {
    /// @dev Whatever pattern of hits a deployment shows, the verdict is that of the formula, and no
    /// coin is left over.
    /// forge-config: default.fuzz.runs = 128
    function testFuzz_verdictIsTheFormula(uint32 pattern, bytes32 beacon) public {
        Round memory round = _open();
        _mineBeacon(string(abi.encodePacked(beacon)));
        _drawNow(round);
        _post(round);
        _ask(round, Behaviour.OtherCopy);
        uint256 hits;
        for (uint256 j; j < 32; ++j) {
            if (pattern >> j & 1 == 0) continue;
            ++hits;
            for (uint256 i; i < 5; ++i) {
                _setTag(round.tags[i], _position(j), _candidateTag(round, j, true));
            }
        }
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        assertEq(round.outcome.hits, pattern, "hits");
        skip(5 hours + 1);
        _resolve(round);

        EvidenceTerms memory e = _terms().evidence;
        int64 evidence = EValue.evidence(hits, 32 - hits, e.personalHit, e.personalMiss);
        bool guilty = evidence >= EValue.threshold(e.alphaInverse, 1, 1);
        _assertCase(round.caseId, guilty ? CaseStatus.Upheld : CaseStatus.Dismissed);
        assertEq(_balance(guilty ? reporter : host.addr), BOND, "bond");
        assertEq(vault.collateral(ref()).amount, guilty ? COLLATERAL / 5 : COLLATERAL);
        assertEq(vault.collateral(ref()).freezes, 0, "freezes");
        _assertManagerOwes(BOND + FEES);
    }
}
