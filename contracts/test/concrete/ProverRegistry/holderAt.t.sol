// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_holderAt is ProverTest {
    function test_zeroForAPlaceThatIsNot() public view {
        assertEq(provers.holderAt(7, _now()), address(0), "no place");
    }

    function test_zeroBeforeTheWarmUpEnds() public {
        _join(alice, 1);
        uint40 validFrom = _now() + WARM_UP;
        assertEq(provers.holderAt(0, validFrom - 1), address(0), "warms up");
        assertEq(provers.holderAt(0, validFrom), alice, "valid");
    }

    function test_zeroAfterTheLastSignOfLife() public {
        _join(alice, 1);
        uint40 aliveUntil = _now() + ALIVE;
        assertEq(provers.holderAt(0, aliveUntil), alice, "alive");
        assertEq(provers.holderAt(0, aliveUntil + 1), address(0), "dead");
    }

    function test_zeroAfterItWasGivenBack() public {
        _warm(alice, 1);
        _leave(alice, 0, 1);
        assertEq(provers.holderAt(0, _now()), alice, "this second");
        assertEq(provers.holderAt(0, _now() + 1), address(0), "given back");
    }

    function test_zeroInTheGapBeforeARevival() public {
        _join(alice, 1);
        skip(ALIVE + 1);
        vm.prank(alice);
        provers.stayAlive();
        assertEq(provers.holderAt(0, _now()), address(0), "gap");
        assertEq(provers.holderAt(0, _now() + 1), alice, "alive");
    }
}
