// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { CopyTest } from "../../utils/CopyTest.sol";

/// @dev The longest series, and a longer one.
contract Proofs_longSeries is CopyTest {
    function _copyPersonal() internal pure override returns (uint32) {
        return 272;
    }

    function test_provesWith256Answers() public {
        IProofs.Series memory series = _firstBundles(16);
        _reportSeries(series);
        _prove(series, _evidence(series, 0));
        assertEq(vault.collateral(ref()).amount, 40 ether, "collateral");
    }

    function test_revertWhen_moreThan256Answers() public {
        IProofs.Series memory series = _firstBundles(17);
        _reportSeries(series);
        Given memory given = _evidence(series, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IProofs.Proofs_WrongLength.selector, bytes32("series"), 17, 16)
        );
        _prove(series, given);
    }
}
