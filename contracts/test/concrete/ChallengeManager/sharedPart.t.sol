// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LibBit } from "solady/utils/LibBit.sol";

import { Deploy } from "../../../script/Deploy.s.sol";
import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { CaseStatus, EvidenceTerms } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

/// @dev Cases that open a bundle of the shared part besides: fingerprints 0 to 31 are personal, 32
/// to 47 shared.
contract ChallengeManager_sharedPart is CaseTest {
    uint256 private constant SHARED_BITS = 0xffff << 32;

    function _settings() internal override returns (Deploy.Settings memory chosen) {
        chosen = super._settings();
        chosen.config.sharedBundlesPerCase = 1;
    }

    function _questions() internal pure override returns (uint16) {
        return 56;
    }

    /// @dev Bits of the shared fingerprints that are, or are not, assigned to the license.
    function _assignedBits(Round memory round, bool assigned) private view returns (uint256 bits) {
        for (uint256 j = 32; j < 48; ++j) {
            if (_isAssigned(round, j) == assigned) bits |= 1 << j;
        }
    }

    function _seedModel() private {
        _mineBeacon("model");
        registry.drawUniverseSeed(modelId, 0);
    }

    /// @dev Ends the case, of which so many hits among so many observations must count.
    function _verdict(Round memory round, uint256 hits, uint256 queries)
        private
        returns (int64 evidence, CaseStatus status)
    {
        vm.recordLogs();
        skip(5 hours + 1);
        _resolve(round);
        (uint256 h, uint256 q) = (0, 0);
        (, h, q, evidence,,,,) = abi.decode(
            _lastLog(IChallengeTypes.CaseResolved.selector),
            (uint8, uint16, uint16, int64, int64, uint128, uint128, uint128)
        );
        assertEq(h, hits, "hits of the verdict");
        assertEq(q, queries, "observations of the verdict");
        status = manager.caseOf(round.caseId).status;
    }

    function test_drawsASharedBundleAfterThePersonalOnes() public {
        _seedModel();
        Round memory round = _drawn();
        assertEq(round.bundles.length, 3, "bundles");
        assertFalse(_isShared(round, 0), "personal");
        assertFalse(_isShared(round, 16), "personal");
        assertTrue(_isShared(round, 32), "shared");
        assertEq(registry.universe(modelId, 0).burnedShared, 1, "burned");
    }

    function test_countsHitsInsideOfTheAssignment() public {
        _seedModel();
        Round memory round = _opened(Behaviour.OwnCopy);
        uint256 inside = _assignedBits(round, true);
        assertEq(round.outcome.hits, type(uint32).max | inside, "hits");
        assertEq(round.outcome.outside, 0, "outside");
        uint256 all = 32 + LibBit.popCount(inside);
        (int64 evidence, CaseStatus status) = _verdict(round, all, all);
        EvidenceTerms memory e = ref().terms.evidence;
        assertEq(
            int256(evidence),
            int256(EValue.evidence(32, 0, e.personalHit, e.personalMiss))
                + EValue.evidence(LibBit.popCount(inside), 0, e.sharedHit, e.sharedMiss),
            "evidence"
        );
        assertEq(uint256(status), uint256(CaseStatus.Upheld), "verdict");
    }

    /// @dev Another licensee's copy: what it shows of the shared part lies outside of the accused's
    /// assignment.
    function test_hitsOutsideOfTheAssignmentExonerate() public {
        _seedModel();
        Round memory round = _opened(Behaviour.OtherCopy);
        uint256 outside = _assignedBits(round, false);
        assertEq(round.outcome.hits, 0, "hits");
        assertEq(round.outcome.outside, outside, "outside");
        (int64 evidence, CaseStatus status) = _verdict(round, 0, 32 + LibBit.popCount(outside));
        EvidenceTerms memory e = ref().terms.evidence;
        assertEq(
            int256(evidence),
            int256(EValue.evidence(0, 32, e.personalHit, e.personalMiss))
                + EValue.evidence(0, LibBit.popCount(outside), e.sharedHit, e.sharedMiss),
            "evidence"
        );
        assertEq(uint256(status), uint256(CaseStatus.Dismissed), "verdict");
    }

    /// @dev Only observed hits of the shared part count: silence about it says nothing.
    function test_sharedMissesSayNothing() public {
        _seedModel();
        Round memory round = _posted(Behaviour.OwnCopy);
        for (uint256 i; i < 5; ++i) {
            for (uint256 j = 32; j < 48; ++j) {
                _setTag(round.tags[i], _position(j), 0);
            }
        }
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        assertEq((round.outcome.hits | round.outcome.outside) & SHARED_BITS, 0, "shared");
        (int64 evidence,) = _verdict(round, 32, 32);
        EvidenceTerms memory e = ref().terms.evidence;
        assertEq(int256(evidence), int256(EValue.evidence(32, 0, e.personalHit, e.personalMiss)));
    }

    function test_countsASingleSharedObservation() public {
        _seedModel();
        Round memory round = _posted(Behaviour.OtherCopy);
        uint256 first = LibBit.ffs(_assignedBits(round, false));
        for (uint256 i; i < 5; ++i) {
            for (uint256 j = 32; j < 48; ++j) {
                if (j != first) _setTag(round.tags[i], _position(j), 0);
            }
        }
        _commitAll(round);
        _revealAll(round);
        _openLeaves(round);
        assertEq(round.outcome.outside, 1 << first, "shared");
        (int64 evidence,) = _verdict(round, 0, 33);
        EvidenceTerms memory e = ref().terms.evidence;
        assertEq(
            int256(evidence),
            int256(EValue.evidence(0, 32, e.personalHit, e.personalMiss))
                + EValue.evidence(0, 1, e.sharedHit, e.sharedMiss),
            "evidence"
        );
    }

    /// @dev Before the model's seed is drawn its shared part has no answers, and cases go on
    /// without it.
    function test_withoutAModelSeedNothingSharedIsDrawn() public {
        Round memory round = _drawn();
        assertEq(round.bundles.length, 2, "bundles");
    }

    function test_goesOnWhenTheSharedPartIsUsedUp() public {
        _seedModel();
        for (uint256 i; i < 2; ++i) {
            assertEq(_drawn().bundles.length, 3, "one of two");
            skip(1 hours);
        }
        assertEq(_drawn().bundles.length, 2, "none left");
    }
}
