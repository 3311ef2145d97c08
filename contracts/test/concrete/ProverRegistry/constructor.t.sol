// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { BURN, NATIVE } from "../../../src/libraries/Types.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_constructor is ProverTest {
    function _expectBad(bytes32 name, uint256 value) private {
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_BadConfig.selector, name, value)
        );
    }

    function make(address manager_, address currency, uint128 minStake, uint40 thaw) external {
        new ProverRegistry(manager_, currency, minStake, thaw);
    }

    function test_revertWhen_badConfig() public {
        _expectBad("challengeManager", 0);
        this.make(address(0), address(token), MIN_STAKE, THAW);
        _expectBad("minStake", 0);
        this.make(manager, address(token), 0, THAW);
        _expectBad("thawPeriod", 0);
        this.make(manager, address(token), MIN_STAKE, 0);
        _expectBad("thawPeriod", 3650 days + 1);
        this.make(manager, address(token), MIN_STAKE, 3650 days + 1);
        _expectBad("stakeCurrency", uint160(alice));
        this.make(manager, alice, MIN_STAKE, THAW);
    }

    function test_longestThawWorks() public {
        provers = new ProverRegistry(manager, address(token), MIN_STAKE, 3650 days);
        assertEq(provers.thawPeriod(), 3650 days, "thaw period");
    }

    function test_nativeCurrencyWorks() public {
        provers = new ProverRegistry(manager, NATIVE, MIN_STAKE, THAW);
        vm.deal(alice, 3 * MIN_STAKE);
        vm.startPrank(alice);
        provers.register{ value: MIN_STAKE }(MIN_STAKE, KEY);
        provers.addStake{ value: MIN_STAKE }(MIN_STAKE);
        vm.stopPrank();
        skip(1);
        _draw("seed", 1);
        _release(alice, 1 ether);
        assertEq(BURN.balance, 1 ether, "burned");
        vm.prank(alice);
        provers.startThaw();
        skip(THAW);
        vm.prank(alice);
        provers.withdraw();
        assertEq(alice.balance, 3 * MIN_STAKE - 1 ether, "rest");
    }
}
