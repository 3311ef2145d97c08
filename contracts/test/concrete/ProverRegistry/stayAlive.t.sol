// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_stayAlive is ProverTest {
    function _stay() private {
        vm.prank(alice);
        provers.stayAlive();
    }

    function test_revertWhen_notRegistered() public {
        _expectRevert(IProverRegistry.ProverRegistry_NotRegistered.selector, alice);
        _stay();
        _join(alice, 1);
        _leave(alice, 0, 1);
        _expectRevert(IProverRegistry.ProverRegistry_NotRegistered.selector, alice);
        _stay();
    }

    function test_staysWithoutAGap() public {
        _join(alice, 1);
        uint40 aliveFrom = provers.prover(alice).aliveFrom;
        skip(ALIVE);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverAlive(alice, _now() + ALIVE);
        _stay();
        assertEq(provers.prover(alice).aliveFrom, aliveFrom, "no gap");
        assertEq(_holder(0), alice, "seat");
    }

    function test_revivesFromTheNextSecond() public {
        _join(alice, 1);
        skip(ALIVE + 1);
        uint40 sealedAt = _now();
        assertEq(_holder(0), address(0), "dead");
        _stay();
        assertEq(provers.holderAt(0, sealedAt), address(0), "stays vacant");
        assertEq(provers.holderAt(0, sealedAt + 1), alice, "alive again");
    }
}
