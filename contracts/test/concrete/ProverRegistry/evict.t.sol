// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_evict is ProverTest {
    function test_revertWhen_noneOrTooMany() public {
        vm.expectRevert(IProverRegistry.ProverRegistry_NoTickets.selector);
        provers.evict(_range(0, 0));
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_TooManyTickets.selector, 65, 64)
        );
        provers.evict(_range(0, 65));
    }

    function test_revertWhen_nobodyHoldsIt() public {
        _expectNotHeld(0, address(0));
        provers.evict(_range(0, 1));
    }

    function test_revertWhen_alive() public {
        _join(alice, 1);
        uint40 aliveUntil = _now() + ALIVE;
        skip(ALIVE);
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_Alive.selector, alice, aliveUntil)
        );
        provers.evict(_range(0, 1));
    }

    function test_evictsSeveralProvers() public {
        _join(alice, 2);
        _join(bob, 1);
        uint40 sealedAt = _now() + ALIVE;
        skip(ALIVE + 1);
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketReleased(1, alice, true);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ThawStarted(alice, PRICE, _now() + THAW);
        vm.expectEmit(address(provers));
        emit IProverRegistry.TicketReleased(2, bob, true);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ThawStarted(bob, PRICE, _now() + THAW);
        provers.evict(_range(1, 2));
        assertEq(provers.prover(alice).tickets, 1, "one of alice's remains");
        assertEq(provers.prover(bob).tickets, 0, "none of bob's");
        assertEq(provers.prover(bob).thawing, PRICE, "bob's thaws");
        assertEq(provers.holderAt(2, sealedAt), bob, "its last seats stay bob's");
    }
}
