// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../src/libraries/Bundles.sol";
import { EValue } from "../../src/libraries/EValue.sol";

/// @dev For every input, by `scripts/symbolic.sh`; forge does not run functions named `check…`.
contract SymbolicEValue {
    /// @dev A hit raises the evidence and a miss lowers it, whatever was seen before.
    function check_hitRaisesMissLowers(uint16 hits, uint16 misses) external pure {
        uint256 leaves = uint256(hits) + misses;
        int64 before = EValue.evidence(hits, leaves);
        assert(EValue.evidence(uint256(hits) + 1, leaves + 1) > before);
        assert(EValue.evidence(hits, leaves + 1) < before);
    }

    /// @dev Whoever has one hit more among as many leaves, of which there are at most 256, has more
    /// evidence.
    function check_moreHitsMoreEvidence(uint8 leaves, uint8 hits) external pure {
        if (hits >= leaves) return;
        assert(EValue.evidence(uint256(hits) + 1, leaves) > EValue.evidence(hits, leaves));
    }
}

contract SymbolicBundles {
    mapping(uint256 word => uint256 days16) private _burned;

    /// @dev In whatever state the days are: burning a bundle that is not burned notes its day, and
    /// moves no other bundle's.
    function check_burnNotesOneDay(uint256 word, uint8 bundle, uint8 other, uint16 day) external {
        if (bundle >= 16 || other >= 16) return;
        _burned[0] = word;
        uint16 before = Bundles.burnedOn(_burned, other);
        if (Bundles.burnedOn(_burned, bundle) != 0) return;
        Bundles.burn(_burned, bundle, day);
        assert(Bundles.burnedOn(_burned, bundle) == day);
        if (other != bundle) assert(Bundles.burnedOn(_burned, other) == before);
    }
}
