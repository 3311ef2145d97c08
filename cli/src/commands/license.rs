//! `oml license`: from purchase to the collateral's way out.

use super::event;
use super::fingerprint::onchain::is_pending;
use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::{CollateralVault, LicenseRegistry, LicenseStatus};
use crate::error::{Exit, fail};
use crate::files::{self, LicenseFile};
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolCall;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_contracts::{Amount, EthAddress, LicenseId, LicenseNonce, Terms, hash};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Verbs of `oml license`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Buy a license: pays fee and collateral
    Acquire {
        /// Terms file of the offer
        #[arg(long, value_name = "FILE")]
        terms: PathBuf,
        /// Address whose key will sign receipts
        #[arg(long)]
        serving_key: EthAddress,
        /// Your number for this license under this offer
        #[arg(long, default_value_t = 0)]
        nonce: u64,
        /// Where to write the license file
        #[arg(long, default_value = "license.json", value_name = "FILE")]
        out: PathBuf,
    },
    /// Draw the license's seed from the beacon; anyone may
    Seed {
        /// License file, as `acquire` writes it
        #[arg(long, default_value = "license.json", value_name = "FILE")]
        license: PathBuf,
        /// Longest wait for the beacon, in seconds
        #[arg(long, default_value_t = 60)]
        wait: u64,
    },
    /// Accept the delivered copy; the term starts
    Activate {
        /// License file
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Directory of the copy; its weights are hashed
        #[arg(long, value_name = "DIR")]
        artefact: PathBuf,
    },
    /// Pay the fee once more and add the terms' duration to the running term
    Renew(Named),
    /// Get everything back for a copy that was not delivered in time
    Cancel(Named),
    /// End the license early
    Terminate(Named),
    /// Start the collateral's way out of an ended license
    Thaw(Named),
    /// Withdraw thawed collateral
    Withdraw(Named),
    /// Add collateral
    TopUp {
        /// License file
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Amount, e.g. 10.5
        #[arg(long)]
        amount: String,
        /// Decimals of the currency
        #[arg(long, default_value_t = crate::money::DEFAULT_DECIMALS)]
        decimals: u8,
    },
    /// Show status, seed and collateral
    Show(Named),
}

/// Names a license by its file.
#[derive(Args, Clone, Debug)]
pub(crate) struct Named {
    /// License file, as `acquire` writes it
    #[arg(long, default_value = "license.json", value_name = "FILE")]
    license: PathBuf,
}

/// A license after a transaction.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    /// The license.
    pub(crate) license_id: LicenseId,
    /// What was sent, approvals included.
    pub(crate) transactions: Vec<TxRecord>,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    if let Verb::Show(named) = &verb {
        return show(&LicenseFile::load(&named.license)?, global).await;
    }
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let changed = match verb {
        Verb::Acquire { terms, serving_key, nonce, out } => {
            let terms = super::offer::load_terms(&terms)?;
            let (license, changed) = acquire(&chain, &terms, serving_key, nonce).await?;
            files::save(&out, &license)?;
            global.output().progress(format!("wrote {}", out.display()));
            changed
        }
        Verb::Seed { license, wait } => {
            draw_seed(&chain, &LicenseFile::load(&license)?, Duration::from_secs(wait)).await?
        }
        Verb::Activate { license, artefact } => {
            activate(&chain, &LicenseFile::load(&license)?, &artefact).await?
        }
        Verb::Renew(named) => renew(&chain, &LicenseFile::load(&named.license)?).await?,
        Verb::Cancel(named) => {
            simple(&chain, &named.license, "cancel license", chain.registry(), |r| {
                LicenseRegistry::cancelCall { r#ref: r }
            })
            .await?
        }
        Verb::Terminate(named) => {
            simple(&chain, &named.license, "terminate license", chain.registry(), |r| {
                LicenseRegistry::terminateCall { r#ref: r }
            })
            .await?
        }
        Verb::Thaw(named) => {
            simple(&chain, &named.license, "thaw collateral", chain.vault(), |r| {
                CollateralVault::startThawCall { r#ref: r }
            })
            .await?
        }
        Verb::Withdraw(named) => {
            simple(&chain, &named.license, "withdraw collateral", chain.vault(), |r| {
                CollateralVault::withdrawCall { r#ref: r }
            })
            .await?
        }
        Verb::TopUp { license, amount, decimals } => {
            let amount = Amount::new(crate::money::parse(&amount, decimals)?);
            top_up(&chain, &LicenseFile::load(&license)?, amount).await?
        }
        Verb::Show(_) => return Ok(()),
    };
    let lines: Vec<String> = changed.transactions.iter().map(TxRecord::line).collect();
    let id = changed.license_id.to_string();
    global.output().result(&changed, &id, || format!("license {id}\n{}", lines.join("\n")));
    Ok(())
}

/// Buys a license for the signer, approving what the contracts pull.
pub(crate) async fn acquire(
    chain: &Chain,
    terms: &Terms,
    serving_key: EthAddress,
    nonce: u64,
) -> Result<(LicenseFile, Changed)> {
    let host: EthAddress = chain.me()?.into();
    let nonce = LicenseNonce::new(u128::from(nonce))?;
    let offer_id = chain.offer_id(terms);
    let license_id = hash::license_id(offer_id, host, nonce);
    let price = terms.license_fee.checked_add(terms.collateral).unwrap_or(Amount::MAX);
    let mut transactions = Vec::new();
    transactions.extend(chain.approve(terms.currency, chain.vault(), price).await?);
    let call = LicenseRegistry::acquireCall {
        terms: crate::contracts::terms(terms)?,
        nonce: nonce.into(),
        servingKey: serving_key.into(),
    };
    let value = chain.native_value(terms.currency, price);
    let sent = chain.send("acquire license", chain.registry(), call, value).await?;
    if let Some(log) = event::<LicenseRegistry::LicenseAcquired>(&sent)
        && log.licenseId != B256::from(license_id)
    {
        return Err(fail(
            format!("the contract made license {}, not {license_id}", log.licenseId),
            "this program and the contracts disagree about formats; use matching versions",
            Exit::Failed,
        ));
    }
    transactions.push(sent.record);
    let license = LicenseFile { license_id, offer_id, host, nonce, terms: terms.clone() };
    Ok((license, Changed { license_id, transactions }))
}

/// Draws the seed; waits until the beacon is out. Nothing is sent if it was drawn before.
pub(crate) async fn draw_seed(
    chain: &Chain,
    license: &LicenseFile,
    wait: Duration,
) -> Result<Changed> {
    let license_id = license.license_id;
    let start = Instant::now();
    let mut transactions = Vec::new();
    while state(chain, license_id).await?.seed.is_zero() {
        let call = LicenseRegistry::drawLicenseSeedCall { licenseId: license_id.into() };
        match chain.send("draw license seed", chain.registry(), call, U256::ZERO).await {
            Ok(sent) => transactions.push(sent.record),
            Err(report) if !is_pending(&report) || start.elapsed() >= wait => return Err(report),
            Err(_) => {}
        }
        if chain.is_dry_run() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(Changed { license_id, transactions })
}

/// Accepts the copy in `artefact`.
pub(crate) async fn activate(
    chain: &Chain,
    license: &LicenseFile,
    artefact: &Path,
) -> Result<Changed> {
    let artefact = super::model::weights_hash(artefact)?;
    let call = LicenseRegistry::activateCall { r#ref: license.sol_ref()?, artefactHash: artefact };
    let sent = chain.send("activate license", chain.registry(), call, U256::ZERO).await?;
    Ok(Changed { license_id: license.license_id, transactions: vec![sent.record] })
}

/// Adds a term to the running one.
pub(crate) async fn renew(chain: &Chain, license: &LicenseFile) -> Result<Changed> {
    let (currency, fee) = (license.terms.currency, license.terms.license_fee);
    let mut transactions: Vec<_> =
        chain.approve(currency, chain.escrow(), fee).await?.into_iter().collect();
    let call = LicenseRegistry::renewCall { r#ref: license.sol_ref()? };
    let value = chain.native_value(currency, fee);
    transactions.push(chain.send("renew license", chain.registry(), call, value).await?.record);
    Ok(Changed { license_id: license.license_id, transactions })
}

async fn top_up(chain: &Chain, license: &LicenseFile, amount: Amount) -> Result<Changed> {
    let currency = license.terms.currency;
    let mut transactions: Vec<_> =
        chain.approve(currency, chain.vault(), amount).await?.into_iter().collect();
    let call = CollateralVault::topUpCall { r#ref: license.sol_ref()?, amount: amount.get() };
    let sent = chain
        .send("top up collateral", chain.vault(), call, chain.native_value(currency, amount))
        .await?;
    transactions.push(sent.record);
    Ok(Changed { license_id: license.license_id, transactions })
}

async fn simple<C: SolCall>(
    chain: &Chain,
    license: &Path,
    step: &str,
    to: Address,
    call: impl FnOnce(crate::contracts::LicenseRef) -> C,
) -> Result<Changed> {
    let license = LicenseFile::load(license)?;
    let sent = chain.send(step, to, call(license.sol_ref()?), U256::ZERO).await?;
    Ok(Changed { license_id: license.license_id, transactions: vec![sent.record] })
}

/// Where a license stands on chain.
pub(crate) async fn state(chain: &Chain, id: LicenseId) -> Result<LicenseRegistry::License> {
    chain.read(chain.registry(), LicenseRegistry::licenseCall { licenseId: id.into() }).await
}

async fn show(license: &LicenseFile, global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let state = state(&chain, license.license_id).await?;
    let call = CollateralVault::collateralCall { r#ref: license.sol_ref()? };
    let collateral = chain.read(chain.vault(), call).await?;
    let status = status_name(&state.status);
    let data = serde_json::json!({
        "licenseId": license.license_id, "status": status, "host": license.host, "seed": state.seed,
        "servingKey": state.servingKey, "artefactHash": state.artefactHash,
        "deadline": u64::try_from(state.deadline).unwrap_or(u64::MAX), "collateral": collateral.amount.to_string(),
        "freezes": collateral.freezes, "collateralThawEnd": u64::try_from(collateral.thawEnd).unwrap_or(u64::MAX),
    });
    global.output().result(&data, status, || format!("{data:#}"));
    Ok(())
}

/// Name of a status, as in the contract.
pub(crate) const fn status_name(status: &LicenseStatus) -> &'static str {
    match status {
        LicenseStatus::Acquired => "acquired",
        LicenseStatus::Seeded => "seeded",
        LicenseStatus::Active => "active",
        LicenseStatus::Terminated => "terminated",
        LicenseStatus::Cancelled => "cancelled",
        _ => "none",
    }
}
