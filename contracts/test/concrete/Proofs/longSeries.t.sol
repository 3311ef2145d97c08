// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { CopyTest } from "../../utils/CopyTest.sol";

/// @dev Series as long as a word has bits, and longer ones.
contract Proofs_longSeries is CopyTest {
    function _copyPersonal() internal pure override returns (uint32) {
        return 272;
    }

    function _long(uint32 count) private returns (IProofs.Series memory series) {
        series = _series();
        series.bundles = new uint32[](count);
        for (uint32 k; k < count; ++k) {
            series.bundles[k] = k;
        }
        _reportSeries(series);
    }

    function test_provesWith256Answers() public {
        IProofs.Series memory series = _long(16);
        Given memory given = _evidence(series, 0);
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, 40 ether, "collateral");
    }

    function test_revertWhen_moreThan256Answers() public {
        IProofs.Series memory series = _long(17);
        Given memory given = _evidence(series, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_WrongLength.selector, bytes32("answers"), 272, 272
            )
        );
        _prove(series, given);
    }
}
