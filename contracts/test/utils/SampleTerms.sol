// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EvidenceTerms, Royalty, SlashTerms, Terms } from "../../src/libraries/Types.sol";

/// @title Valid terms from which tests deviate
library SampleTerms {
    uint256 internal constant ONE = 1 << 32;

    /// @dev Terms of `owner` without parents; the caller sets currency and royalties.
    function make(bytes32 modelId, uint32 epoch, address owner, address currency)
        internal
        pure
        returns (Terms memory)
    {
        return Terms({
            modelId: modelId,
            epoch: epoch,
            owner: owner,
            currency: currency,
            licenseFee: 50 ether,
            pricePerRequest: 0.001 ether,
            pricePerThousandTokens: 0.002 ether,
            ownerShareBps: 3000,
            collateral: 100 ether,
            minCollateralRatioBps: 20_000,
            duration: 90 days,
            deliveryPeriod: 3 days,
            settlementPeriod: 2 days,
            thawPeriod: 14 days,
            maxDeployments: 2,
            evidenceLevels: 5,
            leakLiability: false,
            reportBond: 1 ether,
            proverFee: 0.1 ether,
            evidence: evidence(),
            slash: slash(),
            royalties: new Royalty[](0)
        });
    }

    /// @dev Hit 12.8 under p0 = 1/16 and 3.2 under p = 1/4, misses as large as validity allows.
    function evidence() internal pure returns (EvidenceTerms memory) {
        uint256 personalHit = 128 * ONE / 10;
        uint256 sharedHit = 32 * ONE / 10;
        return EvidenceTerms({
            personalHit: uint64(personalHit),
            personalMiss: uint64((16 * ONE - personalHit) / 15),
            sharedHit: uint64(sharedHit),
            sharedMiss: uint64((65_536 * ONE - 16_384 * sharedHit) / 49_152),
            assignmentP: 16_384,
            alphaInverse: 1e9
        });
    }

    function slash() internal pure returns (SlashTerms memory) {
        return SlashTerms({
            equivocationBps: 10_000,
            underMeteringBps: 5000,
            outOfTermBps: 5000,
            unlicensedModelBps: 0,
            unpaidUseBps: 8000,
            reporterBps: 3000,
            ownerBps: 4000
        });
    }
}
