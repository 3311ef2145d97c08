//! `oml channel`: a payer's money set aside for one license.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::PaymentEscrow;
use crate::files::{self, ChannelFile, LicenseFile};
use crate::money;
use alloy::primitives::U256;
use clap::Subcommand;
use eyre::Result;
use oml_contracts::{Amount, ChannelId, EthAddress, hash};
use serde::Serialize;
use std::path::PathBuf;

/// Verbs of `oml channel`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Open a channel to a license and deposit
    Open {
        /// License file of the host
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Deposit, e.g. 25
        #[arg(long)]
        amount: String,
        /// Session key that will sign vouchers; the payer itself if not given
        #[arg(long)]
        voucher_signer: Option<EthAddress>,
        /// Decimals of the currency
        #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
        decimals: u8,
        /// Where to write the channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        out: PathBuf,
    },
    /// Add to a channel
    Deposit {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        channel: PathBuf,
        /// Amount, e.g. 10
        #[arg(long)]
        amount: String,
        /// Decimals of the currency
        #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
        decimals: u8,
    },
    /// Start to leave; the host has the thaw period to claim
    Thaw {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        channel: PathBuf,
    },
    /// Get the unclaimed rest back after the thaw
    Withdraw {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        channel: PathBuf,
    },
    /// Show deposit, claims and settled units
    Show {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        channel: PathBuf,
    },
}

/// A channel after a transaction.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    /// The channel.
    pub(crate) channel_id: ChannelId,
    /// What was sent, approvals included.
    pub(crate) transactions: Vec<TxRecord>,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    if let Verb::Show { channel } = &verb {
        return show(&ChannelFile::load(channel)?, global).await;
    }
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let changed = match verb {
        Verb::Open { license, amount, voucher_signer, decimals, out } => {
            let amount = Amount::new(money::parse(&amount, decimals)?);
            let (channel, changed) =
                open(&chain, &LicenseFile::load(&license)?, voucher_signer, amount).await?;
            files::save(&out, &channel)?;
            global.output().progress(format!("wrote {}", out.display()));
            changed
        }
        Verb::Deposit { channel, amount, decimals } => {
            let amount = Amount::new(money::parse(&amount, decimals)?);
            deposit(&chain, &ChannelFile::load(&channel)?, amount).await?
        }
        Verb::Thaw { channel } => {
            let channel = ChannelFile::load(&channel)?;
            let call = PaymentEscrow::startThawCall {
                licenseId: channel.license.license_id.into(),
                signer: channel.signer.into(),
                salt: channel.salt.into(),
            };
            let sent = chain.send("thaw channel", chain.escrow(), call, U256::ZERO).await?;
            Changed { channel_id: channel.channel_id, transactions: vec![sent.record] }
        }
        Verb::Withdraw { channel } => {
            let channel = ChannelFile::load(&channel)?;
            let call = PaymentEscrow::withdrawCall {
                r#ref: channel.license.sol_ref()?,
                signer: channel.signer.into(),
                salt: channel.salt.into(),
            };
            let sent = chain.send("withdraw channel", chain.escrow(), call, U256::ZERO).await?;
            Changed { channel_id: channel.channel_id, transactions: vec![sent.record] }
        }
        Verb::Show { .. } => return Ok(()),
    };
    let lines: Vec<String> = changed.transactions.iter().map(TxRecord::line).collect();
    let id = changed.channel_id.to_string();
    global.output().result(&changed, &id, || format!("channel {id}\n{}", lines.join("\n")));
    Ok(())
}

/// Opens a channel of the signer.
pub(crate) async fn open(
    chain: &Chain,
    license: &LicenseFile,
    voucher_signer: Option<EthAddress>,
    amount: Amount,
) -> Result<(ChannelFile, Changed)> {
    let payer: EthAddress = chain.me()?.into();
    let signer = voucher_signer.unwrap_or(payer);
    let salt = files::random_salt();
    let channel_id = hash::channel_id(
        chain.addresses.chain_id,
        chain.escrow().into(),
        license.license_id,
        payer,
        signer,
        salt,
    );
    let currency = license.terms.currency;
    let mut transactions: Vec<_> =
        chain.approve(currency, chain.escrow(), amount).await?.into_iter().collect();
    let call = PaymentEscrow::openChannelCall {
        r#ref: license.sol_ref()?,
        signer: signer.into(),
        salt: salt.into(),
        amount: amount.get(),
    };
    let sent = chain
        .send("open channel", chain.escrow(), call, chain.native_value(currency, amount))
        .await?;
    transactions.push(sent.record);
    let channel = ChannelFile { channel_id, payer, signer, salt, license: license.clone() };
    Ok((channel, Changed { channel_id, transactions }))
}

async fn deposit(chain: &Chain, channel: &ChannelFile, amount: Amount) -> Result<Changed> {
    let currency = channel.license.terms.currency;
    let mut transactions: Vec<_> =
        chain.approve(currency, chain.escrow(), amount).await?.into_iter().collect();
    let call = PaymentEscrow::depositCall {
        r#ref: channel.license.sol_ref()?,
        payer: channel.payer.into(),
        signer: channel.signer.into(),
        salt: channel.salt.into(),
        amount: amount.get(),
    };
    let sent =
        chain.send("deposit", chain.escrow(), call, chain.native_value(currency, amount)).await?;
    transactions.push(sent.record);
    Ok(Changed { channel_id: channel.channel_id, transactions })
}

async fn show(channel: &ChannelFile, global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let call = PaymentEscrow::channelCall { channelId: channel.channel_id.into() };
    let state = chain.read(chain.escrow(), call).await?;
    let data = serde_json::json!({
        "channelId": channel.channel_id, "deposited": state.deposited.to_string(), "claimed": state.claimed.to_string(),
        "settledRequests": state.settledRequests, "settledTokens": state.settledTokens,
        "thawPeriod": u64::try_from(state.thawPeriod).unwrap_or(u64::MAX),
        "thawEnd": u64::try_from(state.thawEnd).unwrap_or(u64::MAX),
    });
    global.output().result(&data, &state.claimed.to_string(), || format!("{data:#}"));
    Ok(())
}
