// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { CaseStatus, LicenseRef } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_drawCase is CaseTest {
    function test_revertWhen_anotherLicense() public {
        Round memory round = _open();
        LicenseRef memory other = ref();
        other.nonce = 9;
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongLicense.selector,
                licenseId,
                registry.licenseIdOf(other)
            )
        );
        manager.drawCase(other, round.caseId);
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
        vm.prank(stranger);
        manager.drawCase(round.id);

        IChallengeTypes.Case memory c = manager.caseOf(round.caseId);
        assertEq(uint256(c.status), uint256(CaseStatus.Drawn));
        assertEq(c.deadline, block.timestamp + 1 hours, "deadline");
        assertEq(c.bundles.length, 2, "bundles");
        assertNotEq(uint256(c.bundles[0]), uint256(c.bundles[1]), "distinct bundles");
        for (uint256 k; k < 2; ++k) {
            assertLt(c.bundles[k], PERSONAL / 16, "personal");
            assertTrue(registry.isBurned(modelId, 0, c.bundles[k]), "burned");
        }
        assertEq(c.committee.length, 5, "committee");
        for (uint256 i; i < 5; ++i) {
            assertEq(provers.prover(c.committee[i]).openCases, 1, "held");
            for (uint256 j; j < i; ++j) {
                assertNotEq(c.committee[i], c.committee[j]);
            }
        }
    }
}
