//! `oml channel`: a payer's money set aside for one license.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::PaymentEscrow;
use crate::error::{Exit, fail};
use crate::files::{self, ChannelFile, CloseFile, LicenseFile};
use crate::money;
use alloy::primitives::U256;
use clap::Subcommand;
use eyre::Result;
use k256::ecdsa::SigningKey;
use oml_contracts::{Amount, ChannelId, Close, Domain, EthAddress, Signable as _, Signature, hash};
use serde::Serialize;
use std::path::{Path, PathBuf};

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
    /// Sign, as the host, that nothing above an amount will be claimed; the payer can then close
    SignClose {
        /// Channel file, from the payer
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        channel: PathBuf,
        /// All that will ever be claimed, e.g. 2.5; vouchers above it are worth no more, so stop serving first
        #[arg(long)]
        amount: String,
        /// Decimals of the currency
        #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
        decimals: u8,
        /// Where to write it
        #[arg(long, default_value = "close.json", value_name = "FILE")]
        out: PathBuf,
    },
    /// End a channel without a thaw: the rest goes to the payer at once
    Close {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        channel: PathBuf,
        /// The host's signature, as `sign-close` writes it; anyone may bring it
        #[arg(long, value_name = "FILE", required_unless_present = "amount")]
        signed: Option<PathBuf>,
        /// As the host itself, without a signature: all that it will ever claim
        #[arg(long, conflicts_with = "signed")]
        amount: Option<String>,
        /// Decimals of the currency
        #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
        decimals: u8,
    },
    /// Show deposit, claims and reservation
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
    match &verb {
        Verb::Show { channel } => return show(&ChannelFile::load(channel)?, global).await,
        Verb::SignClose { channel, amount, decimals, out } => {
            let amount = Amount::new(money::parse(amount, *decimals)?);
            return run_sign_close(&ChannelFile::load(channel)?, amount, out, global).await;
        }
        _ => {}
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
                r#ref: channel.license.sol_ref()?,
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
        Verb::Close { channel, signed, amount, decimals } => {
            let channel = ChannelFile::load(&channel)?;
            let (amount, signature) = match (signed, amount) {
                (Some(path), _) => {
                    let signed = CloseFile::load(&path)?;
                    if signed.channel_id != channel.channel_id {
                        return Err(fail(
                            format!(
                                "{} closes channel {}, not {}",
                                path.display(),
                                signed.channel_id,
                                channel.channel_id
                            ),
                            "give the channel file that the host signed for",
                            Exit::Failed,
                        ));
                    }
                    (signed.final_amount, Some(signed.signature))
                }
                (None, Some(text)) => (Amount::new(money::parse(&text, decimals)?), None),
                (None, None) => return Ok(()),
            };
            close(&chain, &channel, amount, signature).await?
        }
        Verb::SignClose { .. } | Verb::Show { .. } => return Ok(()),
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

async fn run_sign_close(
    channel: &ChannelFile,
    amount: Amount,
    out: &Path,
    global: &Global,
) -> Result<()> {
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let key = SigningKey::from_slice(global.signer.load()?.to_bytes().as_slice())?;
    let signed = sign_close(&chain, channel, amount, &key).await?;
    files::save(out, &signed)?;
    let path = out.display().to_string();
    global.output().result(&signed, &path, || {
        format!("wrote {path}; give it to the payer, for `oml channel close --signed`")
    });
    Ok(())
}

/// The host's word that it claims nothing above `amount`.
async fn sign_close(
    chain: &Chain,
    channel: &ChannelFile,
    amount: Amount,
    key: &SigningKey,
) -> Result<CloseFile> {
    let me = EthAddress::from(chain.me()?);
    if me != channel.license.host {
        return Err(fail(
            format!("the signer is {me}, but the channel's host is {}", channel.license.host),
            "only the host can sign what it will not claim",
            Exit::Signer,
        ));
    }
    let call = PaymentEscrow::declaredCall { channelId: channel.channel_id.into() };
    let declared = chain.read(chain.escrow(), call).await?;
    if amount.get() < declared {
        return Err(fail(
            format!("{amount} is below {declared}, which is claimed or reserved already"),
            "sign at least that; it stays with the host whatever is signed",
            Exit::Failed,
        ));
    }
    let domain = Domain {
        chain_id: chain.addresses.chain_id,
        verifying_contract: chain.addresses.payment_escrow,
    };
    let close = Close { channel_id: channel.channel_id, final_amount: amount };
    let signature = close.sign(&domain, key)?;
    Ok(CloseFile { channel_id: close.channel_id, final_amount: amount, signature })
}

/// Ends a channel; without a signature the signer must be the host.
async fn close(
    chain: &Chain,
    channel: &ChannelFile,
    amount: Amount,
    signature: Option<Signature>,
) -> Result<Changed> {
    let call = PaymentEscrow::closeCall {
        r#ref: channel.license.sol_ref()?,
        payer: channel.payer.into(),
        signer: channel.signer.into(),
        salt: channel.salt.into(),
        finalAmount: amount.get(),
        hostSignature: signature.map_or_else(Vec::new, |s| s.as_bytes().to_vec()).into(),
    };
    let sent = chain.send("close channel", chain.escrow(), call, U256::ZERO).await?;
    Ok(Changed { channel_id: channel.channel_id, transactions: vec![sent.record] })
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
    let call = PaymentEscrow::declaredCall { channelId: channel.channel_id.into() };
    let declared = chain.read(chain.escrow(), call).await?;
    let data = serde_json::json!({
        "channelId": channel.channel_id, "isOpen": state.isOpen, "deposited": state.deposited.to_string(),
        "claimed": state.claimed.to_string(), "declared": declared.to_string(),
        "thawPeriod": channel.license.terms.thaw_period,
        "thawEnd": u64::try_from(state.thawEnd).unwrap_or(u64::MAX),
    });
    global.output().result(&data, &state.claimed.to_string(), || format!("{data:#}"));
    Ok(())
}
