// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../../src/libraries/Bundles.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract Bundles_pick is TestBase {
    mapping(uint256 word => uint256 bits) private _burned;

    /// @dev External, so that the panic is of one call.
    function pickOf(uint256 first, uint256 end, uint256 remaining) external returns (uint32) {
        return Bundles.pick(_burned, first, end, remaining, "seed", 0);
    }

    function test_revertWhen_countIsBroken() public {
        assertEq(this.pickOf(3, 4, 1), 3, "the only one");
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 1));
        this.pickOf(3, 4, 1);
    }
}
