// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_withdraw is ProverTest {
    function _withdraw(address to) private {
        vm.prank(alice);
        provers.withdraw(to);
    }

    function test_revertWhen_noRecipient() public {
        vm.expectRevert(IProverRegistry.ProverRegistry_NoRecipient.selector);
        _withdraw(address(0));
        vm.expectRevert(IProverRegistry.ProverRegistry_NoRecipient.selector);
        _withdraw(address(provers));
    }

    function test_revertWhen_nothingToWithdraw() public {
        _join(alice, 1);
        _expectRevert(IProverRegistry.ProverRegistry_NothingToWithdraw.selector, alice);
        _withdraw(alice);
    }

    function test_revertWhen_notThawed() public {
        _join(alice, 1);
        _leave(alice, 0, 1);
        uint40 thawEnd = _now() + THAW;
        skip(THAW - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_NotThawed.selector, alice, thawEnd
            )
        );
        _withdraw(alice);
    }

    function test_paysOnce() public {
        _join(alice, 3);
        _leave(alice, 0, 2);
        skip(THAW);
        vm.expectEmit(address(provers));
        emit IProverRegistry.StakeWithdrawn(alice, bob, 2 * PRICE);
        _withdraw(bob);
        assertEq(token.balanceOf(bob), 1_000_000 ether + 2 * PRICE, "paid");
        assertEq(provers.prover(alice).tickets, 1, "still one ticket");
        _expectRevert(IProverRegistry.ProverRegistry_NothingToWithdraw.selector, alice);
        _withdraw(alice);
    }
}
