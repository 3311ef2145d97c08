// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { ProofTest } from "../../utils/ProofTest.sol";

contract Proofs_commitReport is ProofTest {
    bytes32 private constant COMMITMENT = keccak256("commitment");

    function test_revertWhen_madeBefore() public {
        proofs.commitReport(COMMITMENT);
        vm.expectRevert(
            abi.encodeWithSelector(IProofs.Proofs_AlreadyCommitted.selector, COMMITMENT)
        );
        proofs.commitReport(COMMITMENT);
    }

    function test_recordsForEachReporter() public {
        vm.prank(stranger);
        proofs.commitReport(COMMITMENT);
        skip(5);
        vm.prank(reporter);
        proofs.commitReport(COMMITMENT);
        assertEq(proofs.reportCommittedAt(stranger, COMMITMENT), block.timestamp - 5);
        assertEq(proofs.reportCommittedAt(reporter, COMMITMENT), block.timestamp);
    }

    function test_emits() public {
        vm.expectEmit(address(proofs));
        emit IProofs.ReportCommitted(COMMITMENT, reporter);
        vm.prank(reporter);
        proofs.commitReport(COMMITMENT);
    }
}
