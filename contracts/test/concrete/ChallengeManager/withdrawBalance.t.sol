// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IChallengeTypes } from "../../../src/interfaces/IChallengeTypes.sol";
import { CaseTest } from "../../utils/CaseTest.sol";

contract ChallengeManager_withdrawBalance is CaseTest {
    function _expectNoBalance(address account) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IChallengeTypes.ChallengeManager_NoBalance.selector, address(token), account
            )
        );
        vm.prank(account);
        manager.withdrawBalance(address(token), account);
    }

    function test_revertWhen_nothingOwed() public {
        _expectNoBalance(stranger);
    }

    /// @dev Native currency would be burned, and no token is asked: neither can be meant.
    function test_revertWhen_noRecipient() public {
        _judged(Behaviour.OtherCopy);
        vm.expectRevert(
            abi.encodeWithSelector(IChallengeTypes.ChallengeManager_NoRecipient.selector)
        );
        vm.prank(host.addr);
        manager.withdrawBalance(address(token), address(0));
        assertEq(_balance(host.addr), BOND, "balance");
    }

    function test_paysOnce() public {
        _judged(Behaviour.OtherCopy);
        vm.expectEmit(address(manager));
        emit IChallengeTypes.BalanceWithdrawn(address(token), host.addr, stranger, BOND);
        vm.prank(host.addr);
        assertEq(manager.withdrawBalance(address(token), stranger), BOND, "amount");
        assertEq(token.balanceOf(stranger), BOND, "received");
        assertEq(_balance(host.addr), 0, "balance");
        _expectNoBalance(host.addr);
    }
}
