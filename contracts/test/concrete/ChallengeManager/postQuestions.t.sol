// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseStatus } from "../../../src/libraries/Types.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_postQuestions is CaseTest {
    bytes32 private constant HASH = keccak256("questions");

    function _postAs(address by, Round memory round, bytes32 hash, uint16 count) private {
        vm.prank(by);
        manager.postQuestions(round.id, _drawnOf(round), hash, count);
    }

    /// @dev After a reorg the owner's old transaction must not fix the questions of another draw.
    function test_revertWhen_anotherDraw() public {
        Round memory round = _drawn();
        bytes memory reason = abi.encodeWithSelector(
            IChallengeTypes.ChallengeManager_WrongFacts.selector, round.caseId
        );
        uint32 bundle = round.bundles[0];
        round.bundles[0] = bundle ^ 1;
        vm.expectRevert(reason);
        _postAs(owner.addr, round, HASH, 40);
        round.bundles[0] = bundle;
        (round.committee[0], round.committee[1]) = (round.committee[1], round.committee[0]);
        vm.expectRevert(reason);
        _postAs(owner.addr, round, HASH, 40);
    }

    function test_revertWhen_notOwner() public {
        Round memory round = _drawn();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NotOwner.selector, reporter, owner.addr
            )
        );
        _postAs(reporter, round, HASH, 40);
    }

    function test_revertWhen_notDrawn() public {
        Round memory round = _open();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_WrongStatus.selector,
                round.caseId,
                CaseStatus.Opened
            )
        );
        _postAs(owner.addr, round, HASH, 40);
    }

    function test_revertWhen_tooLate() public {
        Round memory round = _drawn();
        uint40 deadline = manager.caseOf(round.caseId).deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_TooLate.selector, deadline)
        );
        _postAs(owner.addr, round, HASH, 40);
    }

    function test_revertWhen_emptyHash() public {
        Round memory round = _drawn();
        vm.expectRevert(abi.encodeWithSelector(IChallengeTypes.ChallengeManager_EmptyHash.selector));
        _postAs(owner.addr, round, 0, 40);
    }

    function test_revertWhen_tooFew() public {
        _expectBadCount(39);
    }

    function test_revertWhen_tooMany() public {
        _expectBadCount(256);
    }

    function _expectBadCount(uint16 count) private {
        Round memory round = _drawn();
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_BadQuestionCount.selector, count, 40, 255
            )
        );
        _postAs(owner.addr, round, HASH, count);
    }

    function test_posts() public {
        Round memory round = _drawn();
        uint40 commitDeadline = uint40(block.timestamp) + 2 hours;
        vm.expectEmit(address(manager));
        emit IChallengeTypes.QuestionsPosted(round.caseId, HASH, 255, commitDeadline);
        _postAs(owner.addr, round, HASH, 255);

        IChallengeTypes.Case memory c = manager.caseOf(round.caseId);
        assertEq(uint256(c.status), uint256(CaseStatus.Committing));
        assertEq(
            c.facts,
            keccak256(abi.encode(keccak256(abi.encode(round.bundles, round.committee)), HASH)),
            "facts"
        );
        assertEq(c.questionCount, 255);
        assertEq(c.deadline, commitDeadline);
    }
}
