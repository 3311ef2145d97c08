// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_commitReport is CaseTest {
    bytes32 private constant COMMITMENT = keccak256("commitment");

    function test_revertWhen_madeBefore() public {
        manager.commitReport(COMMITMENT);
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_AlreadyCommitted.selector, COMMITMENT
            )
        );
        manager.commitReport(COMMITMENT);
    }

    function test_recordsForEachReporter() public {
        vm.prank(stranger);
        manager.commitReport(COMMITMENT);
        skip(5);
        vm.prank(reporter);
        manager.commitReport(COMMITMENT);
        assertEq(manager.reportCommittedAt(stranger, COMMITMENT), block.timestamp - 5);
        assertEq(manager.reportCommittedAt(reporter, COMMITMENT), block.timestamp);
    }

    function test_emits() public {
        vm.expectEmit(address(manager));
        emit IChallengeTypes.ReportCommitted(COMMITMENT, reporter);
        vm.prank(reporter);
        manager.commitReport(COMMITMENT);
    }
}
