//! Files that were lost, made again from the chain's events: licenses and channels.

use crate::bought;
use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use crate::files::ChannelFile;
use crate::license;
use crate::money::Money;
use alloy::primitives::{Address, B256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::PaymentEscrow::{self, ChannelStatus};
use oml_contracts::rpc::abi::{CollateralVault, LicenseRegistry};
use oml_contracts::{ChannelId, EthAddress, LicenseId, ModelId, hash};
use serde::Serialize;

/// A license that an account has bought.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoughtLicense {
    /// Id of the license, as the contracts compute it.
    pub license_id: LicenseId,
    /// Model that is licensed.
    pub model_id: ModelId,
    /// The host's number for it under its offer.
    pub nonce: u64,
    /// Its status in the contract's words.
    pub status: &'static str,
    /// What is deposited for it.
    pub collateral: Money,
}

/// A channel that an account has opened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedBefore {
    /// Id of the channel, as the contracts compute it.
    pub channel_id: ChannelId,
    /// License that it pays.
    pub license_id: LicenseId,
    /// Whether it takes deposits.
    pub is_open: bool,
    /// All that was deposited.
    pub deposited: Money,
    /// All that the host has claimed.
    pub claimed: Money,
}

/// Licenses that `host` has bought, from the oldest.
///
/// # Errors
/// Network failure, or an endpoint that lacks events.
pub async fn licenses(chain: &Chain, host: EthAddress) -> Result<Vec<BoughtLicense>> {
    let filter = Filter::new().address(chain.registry()).topic3(topic(host));
    let what = LicenseRegistry::LicenseAcquired::SIGNATURE;
    let mut found = Vec::new();
    for (event, _) in chain.events::<LicenseRegistry::LicenseAcquired>(what, filter).await? {
        let file = bought::require(chain, event.licenseId.into()).await?;
        let call = CollateralVault::collateralCall { r#ref: file.sol_ref()? };
        let collateral = chain.read(chain.vault(), call).await?.amount;
        found.push(BoughtLicense {
            license_id: file.license_id,
            model_id: file.terms.model_id,
            nonce: event.nonce.saturating_to(),
            status: license::kept(chain, file.license_id).await?.status(),
            collateral: chain.currency(file.terms.currency).await?.units(collateral),
        });
    }
    Ok(found)
}

/// Channels that `payer` has opened, from the oldest.
///
/// # Errors
/// Network failure.
pub async fn channels(chain: &Chain, payer: EthAddress) -> Result<Vec<OpenedBefore>> {
    let filter = Filter::new().address(chain.escrow()).topic3(topic(payer));
    let what = PaymentEscrow::ChannelOpened::SIGNATURE;
    let mut found = Vec::new();
    for (event, _) in chain.events::<PaymentEscrow::ChannelOpened>(what, filter).await? {
        let call = PaymentEscrow::channelCall { channelId: event.channelId };
        let kept = chain.read(chain.escrow(), call).await?;
        let currency = chain.currency(event.currency.into()).await?;
        found.push(OpenedBefore {
            channel_id: event.channelId.into(),
            license_id: event.licenseId.into(),
            is_open: kept.status == ChannelStatus::Open,
            deposited: currency.units(kept.deposited.to::<u128>()),
            claimed: currency.units(kept.claimed.to::<u128>()),
        });
    }
    Ok(found)
}

/// The file of a channel, with its salt. What the events say is hashed again, so an endpoint can
/// leave a channel out but not change it.
///
/// # Errors
/// Network failure, nobody opened it, or the endpoint lacks the events.
pub async fn channel(chain: &Chain, id: ChannelId) -> Result<ChannelFile> {
    let filter = Filter::new().address(chain.escrow()).topic1(B256::from(id));
    let what = PaymentEscrow::ChannelOpened::SIGNATURE;
    let events = chain.events::<PaymentEscrow::ChannelOpened>(what, filter).await?;
    let (event, _) = events.into_iter().next().ok_or_else(|| {
        fail(
            format!("there is no channel {id}"),
            "the endpoint must have every log since the contracts' deployment; `oml channel list` \
             shows what an account has opened",
            FailureKind::Failed,
        )
    })?;
    let license = bought::require(chain, event.licenseId.into()).await?;
    let (payer, signer, salt) = (event.payer.into(), event.signer.into(), event.salt.into());
    let (chain_id, escrow) = (chain.addresses().chain_id, chain.escrow().into());
    let hashed = hash::channel_id(chain_id, escrow, license.license_id, payer, signer, salt);
    if hashed == id {
        return Ok(ChannelFile { channel_id: id, payer, signer, salt, license, opening: None });
    }
    Err(fail(
        format!("the events of channel {id} are those of {hashed}"),
        "the chain's endpoint does not tell the truth; give another --rpc-url",
        FailureKind::Network,
    ))
}

fn topic(account: EthAddress) -> B256 {
    B256::left_padding_from(Address::from(account).as_slice())
}
