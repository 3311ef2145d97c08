//! Channels: a payer's money set aside for one license.

use crate::chain::{Chain, Payment, TxRecord};
use crate::clock::unix_now;
use crate::error::{FailureKind, HintExt as _, Result, fail};
use crate::files::{ChannelFile, CloseFile, LicenseFile};
use crate::money::Money;
use alloy::primitives::U256;
use oml_contracts::rpc::abi::PaymentEscrow::{self, ChannelStatus};
use oml_contracts::{Amount, ChannelId, Close, Domain, EthAddress, Signable as _, Signature};
use oml_node::ledger::keep_close;
use oml_node::store::{SignedCloseRow, Store};
use serde::Serialize;

/// A channel after an action.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedChannel {
    /// Id of the channel, as the contracts compute it.
    pub channel_id: ChannelId,
    /// What was sent, approvals included.
    pub transactions: Vec<TxRecord>,
}

/// What a payer decides.
#[derive(Clone, Debug)]
pub struct OpenChannel {
    /// License that the channel pays.
    pub license: LicenseFile,
    /// Session key that will sign vouchers; the payer itself if none is given.
    pub voucher_signer: Option<EthAddress>,
    /// First deposit, smallest units.
    pub amount: Amount,
}

/// An opened channel.
#[derive(Clone, Debug)]
pub struct OpenedChannel {
    /// What names it from now on.
    pub file: ChannelFile,
    /// What was sent for it; nothing if a stopped command had opened it.
    pub change: ChangedChannel,
}

/// A channel as the escrow keeps it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelStanding {
    /// Id of the channel, as the contracts compute it.
    pub channel_id: ChannelId,
    /// Whether it takes deposits; what is left in a closed one is still claimed and thawed.
    pub is_open: bool,
    /// All that was deposited.
    pub deposited: Money,
    /// All that the host has claimed.
    pub claimed: Money,
    /// All that the host has claimed or reserved.
    pub declared: Money,
    /// Seconds that a thaw takes.
    pub thaw_period: u64,
    /// End of the thaw, Unix seconds; zero if none has begun.
    pub thaw_end: u64,
}

/// Who must know of a close before its signature leaves.
#[derive(Clone, Debug)]
pub enum CloseWitness<'a> {
    /// The host's node, by its store: from then on its gateways serve nothing on the channel.
    Node(&'a Store),
    /// Nobody: no node of this host serves.
    NoNode,
}

/// How a channel is ended without a thaw.
#[derive(Clone, Debug)]
pub enum CloseChannel {
    /// By the host itself, which will claim no more than this in all.
    AsHost(Amount),
    /// By anyone who brings the host's word.
    Signed(CloseFile),
}

/// Adds to a channel; anyone may.
///
/// # Errors
/// No signer, too little money, network failure, a refusal of the contracts.
pub async fn deposit(
    chain: &Chain,
    channel: &ChannelFile,
    amount: Amount,
) -> Result<ChangedChannel> {
    let call = PaymentEscrow::depositCall {
        r#ref: channel.license.sol_ref()?,
        payer: channel.payer.into(),
        signer: channel.signer.into(),
        salt: channel.salt.into(),
        amount: amount.get(),
    };
    let paid = deposit_of(chain, &channel.license, amount);
    let paid = chain.send_paying("deposit", chain.escrow(), call, &paid).await?;
    Ok(ChangedChannel { channel_id: channel.channel_id, transactions: paid.records })
}

fn deposit_of(chain: &Chain, license: &LicenseFile, amount: Amount) -> Payment {
    Payment::new(license.terms.currency, chain.escrow(), "deposit", amount)
}

/// Starts to leave; the host has the thaw period to claim.
///
/// # Errors
/// As [`deposit`].
pub async fn thaw(chain: &Chain, channel: &ChannelFile) -> Result<ChangedChannel> {
    let call = PaymentEscrow::startThawCall {
        r#ref: channel.license.sol_ref()?,
        signer: channel.signer.into(),
        salt: channel.salt.into(),
    };
    let sent = chain.send("thaw channel", chain.escrow(), call, U256::ZERO).await?;
    Ok(ChangedChannel { channel_id: channel.channel_id, transactions: vec![sent.record] })
}

/// Gets the unclaimed rest back after the thaw; the channel is closed.
///
/// # Errors
/// As [`deposit`].
pub async fn withdraw(chain: &Chain, channel: &ChannelFile) -> Result<ChangedChannel> {
    let call = PaymentEscrow::withdrawCall {
        r#ref: channel.license.sol_ref()?,
        signer: channel.signer.into(),
        salt: channel.salt.into(),
    };
    let sent = chain.send("withdraw channel", chain.escrow(), call, U256::ZERO).await?;
    Ok(ChangedChannel { channel_id: channel.channel_id, transactions: vec![sent.record] })
}

/// The word of the signer, who is the host, that of what is deposited now it claims nothing above
/// `amount`. It is kept by the host's node before it is given.
///
/// # Errors
/// The signer is not the host, more is claimed, reserved or served already, a request is still
/// served, the channel is not open, or the node's store can't keep the word.
pub async fn sign_close(
    chain: &Chain,
    channel: &ChannelFile,
    amount: Amount,
    witness: &CloseWitness<'_>,
) -> Result<CloseFile> {
    let me = chain.me()?;
    if me != channel.license.host {
        return Err(fail(
            format!("the signer is {me}, but the channel's host is {}", channel.license.host),
            "only the host can sign what it will not claim",
            FailureKind::Signer,
        ));
    }
    let deposited = closable_deposit(chain, channel, amount).await?;
    let channel_id = channel.channel_id;
    if let CloseWitness::Node(store) = witness {
        let signed_at = unix_now();
        let row = SignedCloseRow { channel_id, deposited, final_amount: amount, signed_at };
        keep_word(store, &row).await?;
    }
    let domain = Domain {
        chain_id: chain.addresses().chain_id,
        verifying_contract: chain.addresses().payment_escrow,
    };
    let close = Close { channel_id, deposited, final_amount: amount };
    let signature = chain.rpc().account()?.sign(close.digest(&domain)).await.hint(
        format!("the close of channel {channel_id} was not signed"),
        "the signer's words say why; its node has kept the close, so sign it again with the same \
         --amount",
        FailureKind::Signer,
    )?;
    Ok(CloseFile { channel_id, deposited, final_amount: amount, signature })
}

/// Keeps a close in the store of the node that serves on its channel.
async fn keep_word(store: &Store, close: &SignedCloseRow) -> Result<()> {
    let id = close.channel_id;
    // Another store, or an empty one that was just made, would stop nobody from serving.
    if store
        .channel(id)
        .await
        .hint(
            format!("the store does not say whether it knows channel {id}"),
            "give the store of the node that serves on it",
            FailureKind::Failed,
        )?
        .is_none()
    {
        return Err(fail(
            format!("the store does not know channel {id}, so its node does not serve on it"),
            "give the store of the node that does; it knows the channel once it has followed the \
             chain to it",
            FailureKind::Failed,
        ));
    }
    keep_close(store, close, close.signed_at).await.hint(
        format!(
            "channel {id} can't be closed at {} now, and nothing was signed",
            close.final_amount
        ),
        "raise --amount to what is served for, or wait until the request is through",
        FailureKind::Failed,
    )
}

/// The deposit of a channel that a close at `amount` can end.
async fn closable_deposit(chain: &Chain, channel: &ChannelFile, amount: Amount) -> Result<Amount> {
    let call = PaymentEscrow::channelCall { channelId: channel.channel_id.into() };
    let kept = chain.read(chain.escrow(), call).await?;
    if kept.status != ChannelStatus::Open {
        return Err(fail(
            format!("channel {} is not open", channel.channel_id),
            "what is left in a closed channel goes by `oml channel thaw` and `withdraw`",
            FailureKind::Failed,
        ));
    }
    let call = PaymentEscrow::declaredCall { channelId: channel.channel_id.into() };
    let declared = chain.read(chain.escrow(), call).await?;
    if amount.get() < declared {
        let currency = chain.currency(channel.license.terms.currency).await?;
        let (amount, declared) = (currency.of(amount), currency.units(declared));
        return Err(fail(
            format!("{amount} is below {declared}, which is claimed or reserved already"),
            "sign at least that; it stays with the host whatever is signed",
            FailureKind::Failed,
        ));
    }
    Ok(Amount::new(kept.deposited.to()))
}

/// Closes a channel for good: what the host gives up goes to the payer at once.
///
/// # Errors
/// A signed close of another channel, or as [`deposit`].
pub async fn close(
    chain: &Chain,
    channel: &ChannelFile,
    how: &CloseChannel,
) -> Result<ChangedChannel> {
    let (deposited, amount, signature) = match how {
        CloseChannel::AsHost(amount) => {
            (closable_deposit(chain, channel, *amount).await?, *amount, Vec::new())
        }
        CloseChannel::Signed(word) => {
            (word.deposited, word.final_amount, bytes_of(&word.signature))
        }
    };
    let call = PaymentEscrow::closeCall {
        r#ref: channel.license.sol_ref()?,
        payer: channel.payer.into(),
        signer: channel.signer.into(),
        salt: channel.salt.into(),
        deposited: deposited.get(),
        finalAmount: amount.get(),
        hostSignature: signature.into(),
    };
    let sent = chain.send("close channel", chain.escrow(), call, U256::ZERO).await?;
    Ok(ChangedChannel { channel_id: channel.channel_id, transactions: vec![sent.record] })
}

fn bytes_of(signature: &Signature) -> Vec<u8> {
    signature.as_bytes().to_vec()
}

/// A channel as the escrow keeps it.
///
/// # Errors
/// Network failure.
pub async fn standing(chain: &Chain, channel: &ChannelFile) -> Result<ChannelStanding> {
    let call = PaymentEscrow::channelCall { channelId: channel.channel_id.into() };
    let kept = chain.read(chain.escrow(), call).await?;
    let call = PaymentEscrow::declaredCall { channelId: channel.channel_id.into() };
    let declared = chain.read(chain.escrow(), call).await?;
    let currency = chain.currency(channel.license.terms.currency).await?;
    Ok(ChannelStanding {
        channel_id: channel.channel_id,
        is_open: kept.status == ChannelStatus::Open,
        deposited: currency.units(kept.deposited.to::<u128>()),
        claimed: currency.units(kept.claimed.to::<u128>()),
        declared: currency.units(declared),
        thaw_period: channel.license.terms.thaw_period,
        thaw_end: u64::try_from(kept.thawEnd).unwrap_or(u64::MAX),
    })
}
