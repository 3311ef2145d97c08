// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Every rule of `TermsLib.validate` about the terms alone, in one pass without branches
/// @dev Says yes or no; `TermsLib.validate` says why not. All words of encoded terms are numbers of
/// 256 bits here: each function gathers, bit by bit, what is wrong with some of them, and 0 means
/// nothing. Whatever is too wide for its type is among it, so a sum that wraps around can't hide
/// anything. `epoch`, `owner` and `currency` are missing: callers read them as Solidity does, which
/// refuses dirty bits.
library TermsCheck {
    uint256 private constant BPS_MAX = 10_000;
    uint256 private constant REPORTER_BPS_MAX = 5000;
    uint256 private constant PERIOD_MAX = 3650 days;
    uint256 private constant ONE = 1 << 32;

    /// @notice Whether `validate` has nothing against the terms at `head` in memory, in the layout
    /// of `TermsLib.offerId`.
    /// @dev Leaves the memory as it was.
    function passes(uint256 head, bytes32 lineage) internal pure returns (bool) {
        return _money(head) | _periods(head) | _evidence(head) | _slash(head)
                | _royalties(head, lineage) == 0;
    }

    /// @dev licenseFee, pricePerRequest, pricePerThousandTokens, ownerShareBps, collateral,
    /// minCollateralRatioBps, evidenceLevels, leakLiability, reportBond, proverFee.
    function _money(uint256 head) private pure returns (uint256 bad) {
        assembly ("memory-safe") {
            let bond := mload(add(head, 0x220))
            let x := or(mload(add(head, 0xa0)), mload(add(head, 0xc0)))
            bad := shr(128, or(or(x, bond), mload(add(head, 0x240))))
            bad := or(bad, gt(mload(add(head, 0xe0)), BPS_MAX))
            x := mload(add(head, 0x100))
            bad := or(bad, or(iszero(x), shr(96, or(x, mload(add(head, 0x80))))))
            // 1 to 65,535, for 0 - 1 is the largest number.
            bad := or(bad, gt(sub(mload(add(head, 0x120)), 1), 65534))
            // Levels are bits 0 and 2, at least one; bit 2 needs a bond.
            x := mload(add(head, 0x1e0))
            bad := or(bad, or(iszero(x), and(x, not(5))))
            bad := or(bad, and(shr(2, x), iszero(bond)))
            bad := or(bad, shr(1, mload(add(head, 0x200))))
        }
    }

    /// @dev duration, deliveryPeriod, settlementPeriod, thawPeriod, maxDeployments.
    function _periods(uint256 head) private pure returns (uint256 bad) {
        assembly ("memory-safe") {
            let settlement := mload(add(head, 0x180))
            let thaw := mload(add(head, 0x1a0))
            bad := gt(sub(mload(add(head, 0x140)), 1), sub(PERIOD_MAX, 1))
            bad := or(bad, gt(sub(mload(add(head, 0x160)), 1), sub(PERIOD_MAX, 1)))
            // The thaw is longer, so it has to be looked at from above only, and the settlement
            // from below.
            bad := or(bad, or(iszero(settlement), gt(thaw, PERIOD_MAX)))
            bad := or(bad, iszero(gt(thaw, settlement)))
            bad := or(bad, gt(sub(mload(add(head, 0x1c0)), 1), 65534))
        }
    }

    /// @dev personalHit, personalMiss, sharedHit, sharedMiss, assignmentP, alphaInverse. As
    /// `EValue.isValid`, with the chances 1/16 and assignmentP/65,536; 1 is `1 << 32`.
    function _evidence(uint256 head) private pure returns (uint256 bad) {
        assembly ("memory-safe") {
            let hit := mload(add(head, 0x260))
            let miss := mload(add(head, 0x280))
            let x := mload(add(head, 0x300))
            bad := or(lt(x, 2), shr(64, or(or(x, hit), mload(add(head, 0x2a0)))))
            bad := or(bad, or(iszero(gt(hit, ONE)), gt(sub(miss, 1), sub(ONE, 2))))
            bad := or(bad, gt(add(hit, mul(15, miss)), shl(36, 1)))

            hit := mload(add(head, 0x2a0))
            miss := mload(add(head, 0x2c0))
            x := mload(add(head, 0x2e0))
            bad := or(bad, or(iszero(gt(hit, ONE)), gt(sub(miss, 1), sub(ONE, 2))))
            bad := or(bad, gt(sub(x, 1), 65534))
            bad := or(bad, gt(add(mul(x, hit), mul(sub(65536, x), miss)), shl(48, 1)))
        }
    }

    /// @dev equivocationBps, underMeteringBps, outOfTermBps, unlicensedModelBps, unpaidUseBps,
    /// reporterBps, ownerBps.
    function _slash(uint256 head) private pure returns (uint256 bad) {
        assembly ("memory-safe") {
            bad := gt(sub(mload(add(head, 0x320)), 1), sub(BPS_MAX, 1))
            bad := or(bad, gt(sub(mload(add(head, 0x340)), 1), sub(BPS_MAX, 1)))
            bad := or(bad, gt(sub(mload(add(head, 0x360)), 1), sub(BPS_MAX, 1)))
            bad := or(bad, gt(mload(add(head, 0x380)), BPS_MAX))
            bad := or(bad, gt(sub(mload(add(head, 0x3a0)), 1), sub(BPS_MAX, 1)))
            let reporter := mload(add(head, 0x3c0))
            let owner := mload(add(head, 0x3e0))
            bad := or(bad, gt(reporter, REPORTER_BPS_MAX))
            bad := or(bad, or(shr(16, owner), gt(add(reporter, owner), BPS_MAX)))
        }
    }

    /// @dev Their hash is `TermsLib.royaltiesHash`. Its preimage lies there but for the offset,
    /// which has to be 0x20.
    function _royalties(uint256 head, bytes32 lineage) private pure returns (uint256 bad) {
        assembly ("memory-safe") {
            let place := add(head, 0x400)
            let offset := mload(place)
            let rows := mload(add(place, 0x20))
            mstore(place, 0x20)
            bad := xor(lineage, mul(keccak256(place, add(0x40, shl(6, rows))), gt(rows, 0)))
            mstore(place, offset)
        }
    }
}
