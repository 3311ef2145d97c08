//! Settling: the newest vouchers of a license are claimed, and the escrow splits them in the same
//! call.

use crate::chain::{Chain, Sent, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::money::{Currency, Money};
use crate::vouchers::newest_per_channel;
use alloy::primitives::U256;
use alloy::sol_types::SolEvent;
use oml_contracts::rpc::abi::PaymentEscrow::{self, ChannelStatus, ClaimError};
use oml_contracts::{ChannelId, LicenseId, hash};
use oml_payments::SignedVoucher;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a claim brought.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettledVouchers {
    /// License whose vouchers they are.
    pub license_id: LicenseId,
    /// One row per voucher that was sent.
    pub rows: Vec<SettledRow>,
    /// Channels whose newest voucher the chain has settled before.
    pub already_settled: Vec<ChannelId>,
    /// Newly claimed with these vouchers, over all channels.
    pub total: Money,
    /// How the total was split; none for a dry run.
    pub split: Option<PaymentSplit>,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// What became of one voucher.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettledRow {
    /// Channel that it pays from.
    pub channel_id: ChannelId,
    /// Requests that it settles in all.
    pub requests: u64,
    /// Tokens that it settles in all.
    pub tokens: u64,
    /// Newly claimed; none if it was refused, or for a dry run.
    pub amount: Option<Money>,
    /// Why the escrow skipped it.
    pub rejected: Option<&'static str>,
}

/// Parts of the claimed total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentSplit {
    /// What the host gets.
    pub host: Money,
    /// What the model's owner gets.
    pub owner: Money,
    /// What the owners of the model's parents get.
    pub parents: Money,
}

/// Claims vouchers in batches. Only the newest of a channel is sent, and none that brings nothing
/// new.
///
/// # Errors
/// A voucher of another license, no signer, network failure, a refusal of the contract.
pub async fn claim(
    chain: &Chain,
    license: &LicenseFile,
    vouchers: Vec<SignedVoucher>,
    batch: usize,
) -> Result<SettledVouchers> {
    let license_id = license.license_id;
    let mut settled = SettledVouchers::none(license_id, &currency_of(chain, license).await?);
    let mut open = Vec::new();
    for voucher in newest_per_channel(vouchers) {
        check_channel(chain, license, &voucher)?;
        let call = PaymentEscrow::channelCall { channelId: voucher.channel_id.into() };
        let state = chain.read(chain.escrow(), call).await?;
        if state.status != ChannelStatus::None
            && voucher.cumulative_amount.get() <= state.claimed.to()
        {
            settled.already_settled.push(voucher.channel_id);
        } else {
            open.push(voucher);
        }
    }
    for vouchers in open.chunks(batch.max(1)) {
        let rows = vouchers.iter().map(|voucher| voucher.for_channel().into()).collect();
        let call = PaymentEscrow::claimCall { r#ref: license.sol_ref()?, rows };
        let sent = chain.send("claim vouchers", chain.escrow(), call, U256::ZERO).await?;
        settled.add(vouchers, &sent)?;
    }
    Ok(settled)
}

/// Vouchers whose amounts were reserved.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservedVouchers {
    /// License whose vouchers they are.
    pub license_id: LicenseId,
    /// One row per voucher.
    pub rows: Vec<ReservedRow>,
    /// Channels whose newest voucher was claimed or reserved before.
    pub already_declared: Vec<ChannelId>,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// A reserved voucher.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReservedRow {
    /// Channel that it pays from.
    pub channel_id: ChannelId,
    /// Declared on the channel in all.
    pub declared: Money,
}

/// Reserves the newest voucher of every channel, one transaction each: no withdrawal takes their
/// amounts any more.
///
/// # Errors
/// As [`claim`].
pub async fn reserve(
    chain: &Chain,
    license: &LicenseFile,
    vouchers: Vec<SignedVoucher>,
) -> Result<ReservedVouchers> {
    let license_id = license.license_id;
    let currency = currency_of(chain, license).await?;
    let mut reserved = ReservedVouchers { license_id, ..ReservedVouchers::default() };
    for voucher in newest_per_channel(vouchers) {
        check_channel(chain, license, &voucher)?;
        let (channel_id, amount) = (voucher.channel_id, voucher.cumulative_amount.get());
        let call = PaymentEscrow::declaredCall { channelId: channel_id.into() };
        if chain.read(chain.escrow(), call).await? >= amount {
            reserved.already_declared.push(channel_id);
            continue;
        }
        let call = PaymentEscrow::reserveCall {
            r#ref: license.sol_ref()?,
            row: voucher.for_channel().into(),
        };
        let sent = chain.send("reserve voucher", chain.escrow(), call, U256::ZERO).await?;
        reserved.rows.push(ReservedRow { channel_id, declared: currency.units(amount) });
        reserved.transactions.push(sent.record);
    }
    Ok(reserved)
}

/// What a claim's events say of each channel.
#[derive(Debug, Default)]
struct ClaimEvents {
    claimed: BTreeMap<ChannelId, u128>,
    rejected: BTreeMap<ChannelId, &'static str>,
}

impl ClaimEvents {
    fn of(sent: &Sent) -> Self {
        let mut events = Self::default();
        for log in sent.receipt.iter().flat_map(|r| r.logs()) {
            if let Ok(event) = PaymentEscrow::VoucherClaimed::decode_log(&log.inner) {
                events.claimed.insert(event.channelId.into(), event.amount);
            } else if let Ok(event) = PaymentEscrow::VoucherRejected::decode_log(&log.inner) {
                events.rejected.insert(event.channelId.into(), reason(&event.reason));
            }
        }
        events
    }
}

/// What a rejection means for the host.
const fn reason(error: &ClaimError) -> &'static str {
    match error {
        ClaimError::UnknownChannel => "no such channel on chain",
        ClaimError::NotIncreasing => "not above what is settled",
        ClaimError::BelowPrice => "amount below price times units",
        ClaimError::ExceedsDeposit => "amount above the deposit",
        ClaimError::BadSignature => "not signed by payer or its signer",
        ClaimError::ExceedsCollateralRatio => {
            "more than the collateral covers now; claim again in the next settlement period, top up, \
             or reserve it with --reserve"
        }
        _ => "refused",
    }
}

fn check_channel(chain: &Chain, license: &LicenseFile, voucher: &SignedVoucher) -> Result<()> {
    let computed = hash::channel_id(
        chain.addresses().chain_id,
        chain.addresses().payment_escrow,
        license.license_id,
        voucher.payer,
        voucher.signer,
        voucher.salt,
    );
    if computed == voucher.channel_id {
        return Ok(());
    }
    Err(fail(
        format!(
            "the voucher of channel {} is not for license {} on this chain",
            voucher.channel_id, license.license_id
        ),
        "give the license file that the channel was opened to, and the chain's own addresses file",
        FailureKind::Failed,
    ))
}

async fn currency_of(chain: &Chain, license: &LicenseFile) -> Result<Currency> {
    chain.currency(license.terms.currency).await
}

impl SettledVouchers {
    /// Nothing settled yet.
    #[must_use]
    pub fn none(license_id: LicenseId, currency: &Currency) -> Self {
        Self {
            license_id,
            rows: Vec::new(),
            already_settled: Vec::new(),
            total: currency.units(0_u128),
            split: None,
            transactions: Vec::new(),
        }
    }

    fn add(&mut self, vouchers: &[SignedVoucher], sent: &Sent) -> Result<()> {
        let ClaimEvents { claimed, rejected } = ClaimEvents::of(sent);
        self.rows.extend(vouchers.iter().map(|v| SettledRow {
            channel_id: v.channel_id,
            requests: v.cumulative_requests,
            tokens: v.cumulative_tokens,
            amount: claimed.get(&v.channel_id).map(|amount| self.total.with_units(*amount)),
            rejected: rejected.get(&v.channel_id).copied(),
        }));
        if sent.receipt.is_none() {
            self.total =
                plus(&self.total, U256::try_from_be_slice(&sent.returned).unwrap_or_default());
        } else if let Some(log) = sent.event::<PaymentEscrow::ClaimSplit>() {
            self.total = plus(&self.total, U256::from(log.total));
            let nothing = self.total.with_units(0_u128);
            let split = self.split.get_or_insert_with(|| PaymentSplit {
                host: nothing.clone(),
                owner: nothing.clone(),
                parents: nothing,
            });
            split.host = plus(&split.host, U256::from(log.toHost));
            split.owner = plus(&split.owner, U256::from(log.toOwner));
            split.parents = plus(&split.parents, U256::from(log.toParents));
        }
        self.transactions.push(sent.record.clone());
        Ok(())
    }
}

fn plus(sum: &Money, more: U256) -> Money {
    sum.with_units(sum.units().saturating_add(more))
}
