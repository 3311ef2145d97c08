// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_withdraw is ProverTest {
    function _thaw(address account) private {
        vm.prank(account);
        provers.startThaw();
    }

    function _expectNotThawed(uint40 thawEnd) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_NotThawed.selector, alice, thawEnd
            )
        );
        vm.prank(alice);
        provers.withdraw();
    }

    function test_revertWhen_notRegistered() public {
        _expectNotRegistered(alice);
        _thaw(alice);
        _expectNotRegistered(alice);
        vm.prank(alice);
        provers.withdraw();
    }

    function test_revertWhen_thawsTwice() public {
        _register(alice, MIN_STAKE);
        _thaw(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_Thawing.selector, alice, block.timestamp + THAW
            )
        );
        _thaw(alice);
    }

    function test_revertWhen_notThawed() public {
        _register(alice, MIN_STAKE);
        _expectNotThawed(0);
        _thaw(alice);
        uint40 thawEnd = uint40(block.timestamp) + THAW;
        vm.warp(thawEnd - 1);
        _expectNotThawed(thawEnd);
    }

    function test_revertWhen_caseOpen() public {
        _register(alice, MIN_STAKE);
        skip(1);
        _draw("seed", 1);
        _thaw(alice);
        skip(THAW);
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_CasesOpen.selector, alice, 1)
        );
        vm.prank(alice);
        provers.withdraw();

        _release(alice, 2 ether);
        vm.prank(alice);
        provers.withdraw();
        assertEq(token.balanceOf(alice), 1_000_000 ether - 2 ether, "stake less penalty");
    }

    function test_leaves() public {
        _register(alice, MIN_STAKE);
        _register(bob, MIN_STAKE);
        _thaw(alice);
        assertEq(provers.provers().length, 1, "list");
        assertEq(provers.provers()[0], bob, "who stays");
        skip(THAW);
        vm.expectEmit(address(provers));
        emit IProverRegistry.StakeWithdrawn(alice, MIN_STAKE);
        vm.prank(alice);
        provers.withdraw();
        assertEq(token.balanceOf(alice), 1_000_000 ether, "stake back");
        assertEq(provers.prover(alice).activeFrom, 0, "forgotten");

        _register(alice, MIN_STAKE);
        assertEq(provers.provers().length, 2, "again");
    }

    /// @dev Who takes the place of another in the list can still leave it.
    function test_allLeaveInAnyOrder() public {
        address[] memory accounts = _registerMany(4);
        uint8[4] memory order = [0, 3, 1, 2];
        for (uint256 i; i < 4; ++i) {
            _thaw(accounts[order[i]]);
            address[] memory list = provers.provers();
            assertEq(list.length, 3 - i, "list");
            for (uint256 j; j < list.length; ++j) {
                assertEq(provers.prover(list[j]).thawEnd, 0, "stays");
            }
        }
    }
}
