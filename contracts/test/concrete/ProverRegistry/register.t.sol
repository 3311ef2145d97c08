// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { Currency } from "../../../src/libraries/Currency.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_register is ProverTest {
    function test_revertWhen_registered() public {
        _register(alice, MIN_STAKE);
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_AlreadyRegistered.selector, alice)
        );
        _register(alice, MIN_STAKE);
    }

    function test_revertWhen_noEncryptionKey() public {
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_NoEncryptionKey.selector)
        );
        vm.prank(alice);
        provers.register(MIN_STAKE, 0);
    }

    function test_revertWhen_stakeTooLow() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_StakeTooLow.selector, MIN_STAKE - 1, MIN_STAKE
            )
        );
        _register(alice, MIN_STAKE - 1);
    }

    function test_revertWhen_nativeCurrencyComes() public {
        vm.deal(alice, 1 ether);
        vm.expectRevert(abi.encodeWithSelector(Currency.Currency_WrongValue.selector, 1, 0));
        vm.prank(alice);
        provers.register{ value: 1 }(MIN_STAKE, KEY);
    }

    function test_registers() public {
        uint256 before = token.balanceOf(alice);
        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverRegistered(alice, MIN_STAKE, KEY, uint40(block.timestamp));
        _register(alice, MIN_STAKE);

        assertEq(before - token.balanceOf(alice), MIN_STAKE, "taken");
        IProverRegistry.Prover memory p = provers.prover(alice);
        assertEq(p.stake, MIN_STAKE);
        assertEq(p.activeFrom, block.timestamp);
        assertEq(p.thawEnd, 0);
        assertEq(p.openCases, 0);
        assertEq(p.encryptionKey, KEY);
        assertEq(provers.provers().length, 1);
        assertEq(provers.provers()[0], alice);
    }

    function test_fullListNeedsTwiceTheSmallestStake() public {
        address[] memory accounts = _registerMany(512);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_StakeTooLow.selector,
                2 * MIN_STAKE - 1,
                2 * MIN_STAKE
            )
        );
        _register(alice, 2 * MIN_STAKE - 1);

        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverReplaced(accounts[0], alice);
        _register(alice, 2 * MIN_STAKE);
        assertEq(provers.provers().length, 512, "still full");
        assertEq(provers.prover(accounts[0]).thawEnd, block.timestamp + THAW, "thaws");

        // The replaced one gets its stake back like any other.
        skip(THAW);
        vm.prank(accounts[0]);
        provers.withdraw();
        assertEq(token.balanceOf(accounts[0]), 1_000_000 ether, "stake back");
    }

    function test_replacesTheSmallestWhereverItStands() public {
        _replacesTheSmallestAt(200);
    }

    function test_replacesTheSmallestNextToTheFirst() public {
        _replacesTheSmallestAt(1);
    }

    function test_replacesTheSmallestAtTheEnd() public {
        _replacesTheSmallestAt(511);
    }

    function _replacesTheSmallestAt(uint256 place) private {
        address[] memory accounts = _registerMany(512);
        // All but one add something.
        for (uint256 i; i < accounts.length; ++i) {
            if (i == place) continue;
            vm.prank(accounts[i]);
            provers.addStake(1);
        }
        vm.expectEmit(address(provers));
        emit IProverRegistry.ProverReplaced(accounts[place], alice);
        _register(alice, 2 * MIN_STAKE);
        assertEq(provers.provers().length, 512, "still full");
    }
}
