// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { BURN } from "../../../src/libraries/Types.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_release is ProverTest {
    function _drawnAlice(uint128 stake) private {
        _register(alice, stake);
        skip(1);
        _draw("seed", 1);
    }

    function test_revertWhen_notChallengeManager() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_NotChallengeManager.selector, alice
            )
        );
        vm.prank(alice);
        provers.release(CASE, alice, 0);
    }

    function test_revertWhen_noOpenCase() public {
        _register(alice, MIN_STAKE);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        _release(alice, 0);
    }

    function test_countsDown() public {
        _drawnAlice(MIN_STAKE);
        _release(alice, 0);
        assertEq(provers.prover(alice).openCases, 0, "open cases");
        assertEq(provers.prover(alice).stake, MIN_STAKE, "stake");
        assertEq(provers.provers().length, 1, "list");
    }

    function test_burnsAtMostTheStake() public {
        _drawnAlice(MIN_STAKE);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverPenalised(alice, CASE, MIN_STAKE);
        _release(alice, MIN_STAKE + 1);
        assertEq(provers.prover(alice).stake, 0, "stake");
        assertEq(token.balanceOf(BURN), MIN_STAKE, "burned");
        assertEq(token.balanceOf(address(provers)), 0, "held");
    }

    function test_leavesTheListBelowTheMinimum() public {
        _drawnAlice(MIN_STAKE);
        _release(alice, 1);
        assertEq(provers.provers().length, 0, "list");
        // It can still leave, with what is left.
        vm.prank(alice);
        provers.startThaw();
        skip(THAW);
        vm.prank(alice);
        provers.withdraw();
        assertEq(token.balanceOf(alice), 1_000_000 ether - 1, "rest");
    }

    function test_staysWithExactlyTheMinimum() public {
        _drawnAlice(2 * MIN_STAKE);
        _release(alice, MIN_STAKE);
        assertEq(provers.prover(alice).stake, MIN_STAKE, "stake");
        assertEq(provers.provers().length, 1, "list");
    }

    function test_burnsPenalty() public {
        _drawnAlice(3 * MIN_STAKE);
        _release(alice, 2 ether);
        assertEq(provers.prover(alice).stake, 3 * MIN_STAKE - 2 ether, "stake");
        assertEq(token.balanceOf(BURN), 2 ether, "burned");
        assertEq(provers.provers().length, 1, "list");
    }
}
