// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Deploy } from "../../../script/Deploy.s.sol";
import { Terms } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

/// @dev Cases that open the whole shared part, of which nearly nothing is assigned to a license.
contract ChallengeManager_firstShared is CaseTest {
    function _settings() internal override returns (Deploy.Settings memory chosen) {
        chosen = super._settings();
        chosen.config.sharedBundlesPerCase = 2;
    }

    function _questions() internal pure override returns (uint16) {
        return 72;
    }

    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.evidence.assignmentP = 1;
    }

    function test_firstSharedFingerprintIsNotPersonal() public {
        _mineBeacon("model");
        registry.drawUniverseSeed(modelId, 0);
        Round memory round = _drawn();
        uint256 first = round.bundles[2] == 8 ? 32 : 48;
        assertEq(_index(round, first), PERSONAL, "the first behind the personal ones");
        assertFalse(_isAssigned(round, first), "assigned to others");
        _post(round);
        _ask(round, Behaviour.OtherCopy);
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        assertEq(round.outcome.hits, 0, "hits");
        assertEq(round.outcome.outside >> first & 1, 1, "outside");
    }
}
