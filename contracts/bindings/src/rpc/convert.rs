//! Between this crate's types and those of alloy.

use alloy::primitives::{Address, B256, FixedBytes, Uint};

use super::abi;
use crate::address::EthAddress;
use crate::amount::{Amount, AmountError, Bps};
use crate::eip712::{Receipt, Voucher};
use crate::ids::*;
use crate::license::LicenseRef;
use crate::serving::{ServingKey, ServingKeys};
use crate::terms::{MAX_SECONDS, Royalty, SlashTerms, Terms};

/// A value that the other side can't hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// Period past `uint40`.
    #[error("{0} seconds do not fit uint40; the longest period is {MAX_SECONDS}")]
    Seconds(u64),
    /// Share past the whole.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// Nonce past 96 bits.
    #[error(transparent)]
    Nonce(#[from] NonceError),
}

macro_rules! as_b256 {
    ($($name:ident),*) => {$(
        impl From<$name> for B256 {
            fn from(value: $name) -> Self {
                Self::new(value.into())
            }
        }

        impl From<B256> for $name {
            fn from(value: B256) -> Self {
                Self::new(value.0)
            }
        }
    )*};
}

as_b256!(
    ModelId,
    OfferId,
    LicenseId,
    ChannelId,
    RoundId,
    RoundWord,
    CasesRoot,
    CopyKey,
    DeploymentCommitment,
    AccessHash,
    KeysHash,
    DeploymentHash,
    KeyHash,
    RequestHash,
    ResponseHash,
    Root,
    SealedRoot,
    Seed,
    Salt,
    LeafHash,
    Commitment,
    ClaimHash,
    Digest,
    ContentHash
);

impl From<Tag> for FixedBytes<4> {
    fn from(tag: Tag) -> Self {
        Self::new(tag.into())
    }
}

impl From<EthAddress> for Address {
    fn from(address: EthAddress) -> Self {
        Self::new(address.into())
    }
}

impl From<Address> for EthAddress {
    fn from(address: Address) -> Self {
        Self::new(address.into_array())
    }
}

/// Seconds as `uint40`.
///
/// # Errors
/// [`ConvertError::Seconds`] past 2^40.
pub fn seconds(value: u64) -> Result<Uint<40, 1>, ConvertError> {
    if value > MAX_SECONDS {
        return Err(ConvertError::Seconds(value));
    }
    Ok(Uint::from(value))
}

impl From<LicenseNonce> for Uint<96, 2> {
    fn from(nonce: LicenseNonce) -> Self {
        Self::from(nonce.get())
    }
}

impl TryFrom<Uint<96, 2>> for LicenseNonce {
    type Error = NonceError;

    fn try_from(nonce: Uint<96, 2>) -> Result<Self, Self::Error> {
        let [low, high] = nonce.into_limbs();
        Self::new(u128::from(high) << 64 | u128::from(low))
    }
}

impl From<SlashTerms> for abi::SlashTerms {
    fn from(terms: SlashTerms) -> Self {
        Self {
            equivocationBps: terms.equivocation_bps.get(),
            underMeteringBps: terms.under_metering_bps.get(),
            outOfTermBps: terms.out_of_term_bps.get(),
            unlicensedModelBps: terms.unlicensed_model_bps.get(),
            unpaidUseBps: terms.unpaid_use_bps.get(),
            reporterBps: terms.reporter_bps.get(),
            ownerBps: terms.owner_bps.get(),
        }
    }
}

impl TryFrom<abi::SlashTerms> for SlashTerms {
    type Error = AmountError;

    fn try_from(terms: abi::SlashTerms) -> Result<Self, Self::Error> {
        Ok(Self {
            equivocation_bps: Bps::new(terms.equivocationBps)?,
            under_metering_bps: Bps::new(terms.underMeteringBps)?,
            out_of_term_bps: Bps::new(terms.outOfTermBps)?,
            unlicensed_model_bps: Bps::new(terms.unlicensedModelBps)?,
            unpaid_use_bps: Bps::new(terms.unpaidUseBps)?,
            reporter_bps: Bps::new(terms.reporterBps)?,
            owner_bps: Bps::new(terms.ownerBps)?,
        })
    }
}

impl TryFrom<&Terms> for abi::Terms {
    type Error = ConvertError;

    fn try_from(terms: &Terms) -> Result<Self, Self::Error> {
        let royalty = |row: &Royalty| abi::Royalty { payee: row.payee.into(), bps: row.bps.get() };
        Ok(Self {
            modelId: terms.model_id.into(),
            epoch: terms.epoch,
            owner: terms.owner.into(),
            currency: terms.currency.into(),
            licenseFee: terms.license_fee.get(),
            pricePerRequest: terms.price_per_request.get(),
            pricePerThousandTokens: terms.price_per_thousand_tokens.get(),
            ownerShareBps: terms.owner_share_bps.get(),
            collateral: terms.collateral.get(),
            minCollateralRatioBps: terms.min_collateral_ratio_bps,
            duration: seconds(terms.duration)?,
            deliveryPeriod: seconds(terms.delivery_period)?,
            trialPeriod: seconds(terms.trial_period)?,
            settlementPeriod: seconds(terms.settlement_period)?,
            thawPeriod: seconds(terms.thaw_period)?,
            maxDeployments: terms.max_deployments,
            evidenceLevels: terms.evidence_levels,
            leakLiability: terms.leak_liability,
            seats: terms.seats,
            alphaInverse: terms.alpha_inverse,
            slash: terms.slash.into(),
            royalties: terms.royalties.iter().map(royalty).collect(),
        })
    }
}

impl TryFrom<abi::Terms> for Terms {
    type Error = ConvertError;

    fn try_from(terms: abi::Terms) -> Result<Self, Self::Error> {
        let royalty =
            |row: &abi::Royalty| Ok(Royalty { payee: row.payee.into(), bps: Bps::new(row.bps)? });
        Ok(Self {
            model_id: terms.modelId.into(),
            epoch: terms.epoch,
            owner: terms.owner.into(),
            currency: terms.currency.into(),
            license_fee: Amount::new(terms.licenseFee),
            price_per_request: Amount::new(terms.pricePerRequest),
            price_per_thousand_tokens: Amount::new(terms.pricePerThousandTokens),
            owner_share_bps: Bps::new(terms.ownerShareBps)?,
            collateral: Amount::new(terms.collateral),
            min_collateral_ratio_bps: terms.minCollateralRatioBps,
            duration: terms.duration.to(),
            delivery_period: terms.deliveryPeriod.to(),
            trial_period: terms.trialPeriod.to(),
            settlement_period: terms.settlementPeriod.to(),
            thaw_period: terms.thawPeriod.to(),
            max_deployments: terms.maxDeployments,
            evidence_levels: terms.evidenceLevels,
            leak_liability: terms.leakLiability,
            seats: terms.seats,
            alpha_inverse: terms.alphaInverse,
            slash: terms.slash.try_into()?,
            royalties: terms.royalties.iter().map(royalty).collect::<Result<_, AmountError>>()?,
        })
    }
}

impl TryFrom<&LicenseRef> for abi::LicenseRef {
    type Error = ConvertError;

    fn try_from(license: &LicenseRef) -> Result<Self, Self::Error> {
        Ok(Self {
            terms: (&license.terms).try_into()?,
            host: license.host.into(),
            nonce: license.nonce.into(),
        })
    }
}

impl TryFrom<abi::LicenseRef> for LicenseRef {
    type Error = ConvertError;

    fn try_from(license: abi::LicenseRef) -> Result<Self, Self::Error> {
        Ok(Self {
            terms: license.terms.try_into()?,
            host: license.host.into(),
            nonce: license.nonce.try_into()?,
        })
    }
}

impl From<Voucher> for abi::Voucher {
    fn from(voucher: Voucher) -> Self {
        Self {
            channelId: voucher.channel_id.into(),
            cumulativeAmount: voucher.cumulative_amount.get(),
            cumulativeRequests: voucher.cumulative_requests,
            cumulativeTokens: voucher.cumulative_tokens,
            requestHash: voucher.request_hash.into(),
        }
    }
}

impl From<Receipt> for abi::Receipt {
    fn from(receipt: Receipt) -> Self {
        Self {
            licenseId: receipt.license_id.into(),
            keyEpoch: receipt.key_epoch,
            channelId: receipt.channel_id.into(),
            seq: receipt.seq,
            cumulativeRequests: receipt.cumulative_requests,
            cumulativeTokens: receipt.cumulative_tokens,
            servedAt: receipt.served_at,
            requestHash: receipt.request_hash.into(),
            responseHash: receipt.response_hash.into(),
        }
    }
}

impl From<abi::Receipt> for Receipt {
    fn from(receipt: abi::Receipt) -> Self {
        Self {
            license_id: receipt.licenseId.into(),
            key_epoch: receipt.keyEpoch,
            channel_id: receipt.channelId.into(),
            seq: receipt.seq,
            cumulative_requests: receipt.cumulativeRequests,
            cumulative_tokens: receipt.cumulativeTokens,
            served_at: receipt.servedAt,
            request_hash: receipt.requestHash.into(),
            response_hash: receipt.responseHash.into(),
        }
    }
}

impl From<abi::ServingKey> for ServingKey {
    fn from(key: abi::ServingKey) -> Self {
        let until: u64 = key.until.to();
        Self {
            signer: key.signer.into(),
            from: key.from.to(),
            // The largest `uint40` stands for a key that nothing has ended.
            until: (until < MAX_SECONDS).then_some(until),
            revoked: key.revoked,
        }
    }
}

impl From<Vec<abi::ServingKey>> for ServingKeys {
    fn from(keys: Vec<abi::ServingKey>) -> Self {
        Self::new(keys.into_iter().map(Into::into).collect())
    }
}
