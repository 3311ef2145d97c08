// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { CaseRef, CaseStatus } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_drawCase is CaseTest {
    function _expectUnknown(CaseRef memory id) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                manager.caseIdOf(id),
                CaseStatus.None
            )
        );
        manager.drawCase(id);
    }

    /// @dev Whatever is changed in a reference names another case, which nobody has opened.
    function test_revertWhen_anotherReference() public {
        CaseRef memory id = _open().id;
        _mineBeacon("case");
        CaseRef memory other = abi.decode(abi.encode(id), (CaseRef));
        other.license.nonce = 9;
        _expectUnknown(other);
        other = abi.decode(abi.encode(id), (CaseRef));
        other.license.terms.reportBond += 1;
        _expectUnknown(other);
        other = abi.decode(abi.encode(id), (CaseRef));
        other.deploymentHash = "another";
        _expectUnknown(other);
        other = abi.decode(abi.encode(id), (CaseRef));
        other.reporter = stranger;
        _expectUnknown(other);
        other = abi.decode(abi.encode(id), (CaseRef));
        other.openedAt += 1;
        _expectUnknown(other);
        other = abi.decode(abi.encode(id), (CaseRef));
        other.cases += 1;
        _expectUnknown(other);
        other = abi.decode(abi.encode(id), (CaseRef));
        other.licenses = 0;
        _expectUnknown(other);
        other = abi.decode(abi.encode(id), (CaseRef));
        other.leak = true;
        _expectUnknown(other);
        manager.drawCase(id);
    }

    function test_revertWhen_drawn() public {
        Round memory round = _drawn();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                round.caseId,
                CaseStatus.Drawn
            )
        );
        manager.drawCase(round.id);
    }

    function test_revertWhen_tooLate() public {
        Round memory round = _open();
        uint40 deadline = manager.caseOf(round.caseId).deadline;
        _mineBeacon("case");
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooLate.selector, deadline)
        );
        manager.drawCase(round.id);
    }

    function test_revertWhen_seedPending() public {
        Round memory round = _open();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_SeedPending.selector, uint48(block.number) + 2
            )
        );
        manager.drawCase(round.id);
    }

    function test_movesStaleRound() public {
        Round memory round = _open();
        vm.roll(block.number + 9000);
        uint48 moved = uint48(block.number) + 2;
        vm.expectEmit(address(manager));
        emit IChallengeTypes.SeedRoundMoved(round.caseId, moved);
        manager.drawCase(round.id);
        assertEq(manager.caseOf(round.caseId).seedRound, moved, "round");
        _assertCase(round.caseId, CaseStatus.Opened);
    }

    function test_revertWhen_tooFewProvers() public {
        Round memory round = _open();
        for (uint256 i; i < 3; ++i) {
            vm.prank(members[i].addr);
            provers.startThaw();
        }
        _mineBeacon("case");
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_TooFewProvers.selector, 4, 5)
        );
        manager.drawCase(round.id);
    }

    function test_draws() public {
        Round memory round = _open();
        _mineBeacon("case");
        _drawNow(round);

        IChallengeTypes.Case memory c = manager.caseOf(round.caseId);
        assertEq(uint256(c.status), uint256(CaseStatus.Drawn));
        assertEq(c.deadline, block.timestamp + 1 hours, "deadline");
        assertEq(c.facts, keccak256(abi.encode(round.bundles, round.committee)), "facts");
        assertEq(round.bundles.length, 2, "bundles");
        assertNotEq(uint256(round.bundles[0]), uint256(round.bundles[1]), "distinct bundles");
        for (uint256 k; k < 2; ++k) {
            assertLt(round.bundles[k], PERSONAL / 16, "personal");
            assertTrue(registry.isBurned(modelId, 0, round.bundles[k]), "burned");
        }
        assertEq(round.committee.length, 5, "committee");
        for (uint256 i; i < 5; ++i) {
            assertEq(provers.prover(round.committee[i]).openCases, 1, "held");
            for (uint256 j; j < i; ++j) {
                assertNotEq(round.committee[i], round.committee[j]);
            }
        }
    }
}
