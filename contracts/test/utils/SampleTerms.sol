// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Royalty, SlashTerms, Terms } from "../../src/libraries/Types.sol";

/// @title Valid terms from which tests deviate
library SampleTerms {
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
            trialPeriod: 0,
            settlementPeriod: 2 days,
            thawPeriod: 14 days,
            maxDeployments: 2,
            evidenceLevels: 5,
            leakLiability: false,
            seats: 16,
            alphaInverse: 1e12,
            slash: slash(),
            royalties: new Royalty[](0)
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
