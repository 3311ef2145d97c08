// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { EValue } from "../../../src/libraries/EValue.sol";
import { Terms } from "../../../src/libraries/Types.sol";
import { CopyTest } from "../../utils/CopyTest.sol";
import { SampleTerms } from "../../utils/SampleTerms.sol";

/// @dev A hit is two bits of evidence, and 128 bits are demanded of four bundles: 64 hits are
/// exactly the threshold.
contract Proofs_exactSeries is CopyTest {
    /// @dev Logarithm 52 and two units, which are what the counts of cases and licenses lack to 32
    /// each.
    uint64 private constant ALPHA_INVERSE = (1 << 52) + (1 << 20);
    int64 private constant DEMANDED = 128 << 32;

    function _terms() internal view override returns (Terms memory terms) {
        terms = super._terms();
        terms.evidence.personalHit = uint64(4 * SampleTerms.ONE);
        terms.evidence.personalMiss = uint64(SampleTerms.ONE / 2);
        terms.evidence.alphaInverse = ALPHA_INVERSE;
    }

    function _four() private returns (IProofs.Series memory series) {
        int64 threshold = EValue.threshold(ALPHA_INVERSE, type(uint32).max, type(uint32).max);
        assertEq(int256(threshold), int256(DEMANDED - (12 << 32)), "but for three bits a bundle");
        series = _series();
        series.bundles = new uint32[](4);
        for (uint32 k; k < 4; ++k) {
            series.bundles[k] = k;
        }
        _reportSeries(series);
    }

    function test_provesAtTheThreshold() public {
        IProofs.Series memory series = _four();
        Given memory given = _evidence(series, 0);
        _prove(series, given);
        assertEq(vault.collateral(ref()).amount, 40 ether, "collateral");
    }

    function test_revertWhen_oneMiss() public {
        IProofs.Series memory series = _four();
        Given memory given = _evidence(series, 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IProofs.Proofs_NotEnough.selector, DEMANDED - (3 << 32), DEMANDED
            )
        );
        _prove(series, given);
    }
}
