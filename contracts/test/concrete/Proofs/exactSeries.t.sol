// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { Terms } from "../../../src/libraries/Types.sol";
import { CopyTest } from "../../utils/CopyTest.sol";

/// @dev Terms of which 48 hits in three bundles are exactly the threshold.
contract Proofs_exactSeries is CopyTest {
    /// @dev The smallest number with the logarithm that is needed, about 2^55.5.
    uint64 private constant ALPHA_INVERSE = 52_656_145_518_415_315;

    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.alphaInverse = ALPHA_INVERSE;
    }

    function _demanded() private pure returns (int64) {
        return
            EValue.log2Ceil(ALPHA_INVERSE) + 2 * EValue.log2Ceil(type(uint32).max) + 9
                * int64(1 << 32);
    }

    function test_provesAtTheThreshold() public {
        assertEq(int256(_demanded()), int256(EValue.evidence(48, 48)), "to the last bit");
        IProofs.Series memory series = _series();
        _reportSeries(series);
        _prove(series, _evidence(series, 0));
        assertEq(vault.collateral(ref()).amount, 40 ether, "collateral");
    }

    function test_revertWhen_oneMiss() public {
        IProofs.Series memory series = _series();
        _reportSeries(series);
        Given memory given = _evidence(series, 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_NotEnough.selector, EValue.evidence(47, 48), _demanded()
            )
        );
        _prove(series, given);
    }
}
