// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_addStake is ProverTest {
    function test_revertWhen_notRegistered() public {
        _expectNotRegistered(alice);
        vm.prank(alice);
        provers.addStake(1);
    }

    function test_revertWhen_nothing() public {
        _register(alice, MIN_STAKE);
        vm.expectRevert(abi.encodeWithSelector(IProverRegistry.ProverRegistry_NoAmount.selector));
        vm.prank(alice);
        provers.addStake(0);
    }

    function test_revertWhen_thawing() public {
        _register(alice, MIN_STAKE);
        vm.startPrank(alice);
        provers.startThaw();
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_Thawing.selector, alice, block.timestamp + THAW
            )
        );
        provers.addStake(1);
        vm.stopPrank();
    }

    function test_countsForLaterCases() public {
        _register(alice, MIN_STAKE);
        skip(10);
        uint40 openedAt = uint40(block.timestamp);
        vm.prank(alice);
        provers.addStake(5 ether);
        assertEq(provers.prover(alice).stake, MIN_STAKE + 5 ether, "stake");
        assertEq(token.balanceOf(address(provers)), MIN_STAKE + 5 ether, "held");

        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_TooFewProvers.selector, 0, 1)
        );
        vm.prank(manager);
        provers.drawCommittee("seed", 1, openedAt);
        vm.prank(manager);
        assertEq(provers.drawCommittee("seed", 1, openedAt + 1)[0], alice);
    }

    function test_listsAgain() public {
        _register(alice, MIN_STAKE);
        skip(1);
        _draw("seed", 1);
        _release(alice, 1 ether);
        assertEq(provers.provers().length, 0, "below the minimum");
        vm.startPrank(alice);
        provers.addStake(1 ether - 1);
        assertEq(provers.provers().length, 0, "still below");
        provers.addStake(1);
        vm.stopPrank();
        assertEq(provers.provers().length, 1, "listed");
    }
}
