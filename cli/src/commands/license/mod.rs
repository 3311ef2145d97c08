//! `oml license`: from purchase to the collateral's way out.

mod delivery;

use super::channel::say_kept;
use super::recover::{self, LostLicense, OfAccount};
use crate::flags::Global;
use crate::output::table;
use clap::Subcommand;
use delivery::NamedLicense;
use eyre::Result;
use oml_client::files::LicenseFile;
use oml_client::license::{self, AcquireLicense};
use oml_client::{TxRecord, delivery as client, purchase};
use oml_contracts::{EthAddress, LicenseId};
use std::path::PathBuf;
use std::time::Duration;

/// Verbs of `oml license`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Buy a license: pays fee and collateral
    Acquire {
        /// Terms file of the offer
        #[arg(long, value_name = "FILE|ID")]
        terms: PathBuf,
        /// Address whose key will sign receipts
        #[arg(long)]
        serving_key: EthAddress,
        /// Secret key to which the owner seals your copy, made if it is missing; beside the
        /// license file if not given
        #[arg(long, value_name = "FILE")]
        copy_key: Option<PathBuf>,
        /// Your number for this license under this offer
        #[arg(long, default_value_t = 0)]
        nonce: u64,
        /// Where to write the license file
        #[arg(long, default_value = "license.json", value_name = "FILE")]
        out: PathBuf,
    },
    /// Draw the license's seed from the beacon, bringing its round if need be; anyone may
    Seed {
        /// License file, as `acquire` writes it
        #[arg(long, default_value = "license.json", value_name = "FILE|ID")]
        license: PathBuf,
        /// Longest wait for the beacon, in seconds
        #[arg(long, default_value_t = 1_800)]
        wait: u64,
    },
    #[command(flatten)]
    Delivery(delivery::Verb),
    /// Pay the fee once more and add the terms' duration to the running term
    Renew(NamedLicense),
    /// Get everything back for a copy that was not delivered in time
    Cancel(NamedLicense),
    /// End the license early
    Terminate(NamedLicense),
    /// Start the collateral's way out of an ended license
    Thaw(NamedLicense),
    /// Withdraw thawed collateral
    Withdraw(NamedLicense),
    /// Add collateral
    TopUp {
        /// License file
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// Amount in the license's currency, e.g. 10.5
        #[arg(long)]
        amount: String,
    },
    /// Show status, seed and collateral
    Show {
        /// License, as `list` shows it
        #[arg(value_name = "ID", conflicts_with = "license")]
        id: Option<LicenseId>,
        #[command(flatten)]
        named: NamedLicense,
    },
    /// List the licenses that an account has bought
    List(OfAccount),
    /// Write a license file that was lost again, from what the chain has
    Recover(LostLicense),
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match &verb {
        Verb::Show { id: Some(id), .. } => {
            return show(&license::of_id(&global.reading().await?, *id).await?, global).await;
        }
        Verb::Show { id: None, named } => return show(&named.load(global).await?, global).await,
        Verb::List(of) => return recover::list_licenses(of, global).await,
        Verb::Recover(lost) => return recover::recover_license(lost, global).await,
        _ => {}
    }
    if let Verb::Delivery(step) = verb {
        return delivery::run(step, global).await;
    }
    let chain = global.signing().await?;
    let changed = match verb {
        Verb::Acquire { terms, serving_key, copy_key, nonce, out } => {
            let terms = global.terms(&terms).await?;
            // On the disk before any money moves: without it the copy can't be opened.
            let key = delivery::copy_key_path(copy_key.as_deref(), &out);
            let encryption_key = client::buyers_key(&chain, &key)?.public();
            global.output().progress(format!("the copy will be sealed to {}", key.display()));
            let order = AcquireLicense { terms, serving_key, encryption_key, nonce };
            let acquired = purchase::acquire(&chain, &order, &out).await?;
            say_kept(&out, acquired.change.transactions.is_empty(), global);
            acquired.change
        }
        Verb::Seed { license, wait } => {
            let wait = Duration::from_secs(wait);
            license::draw_seed(&chain, &global.license(&license).await?, wait).await?
        }
        Verb::Renew(named) => license::renew(&chain, &named.load(global).await?).await?,
        Verb::Cancel(named) => license::cancel(&chain, &named.load(global).await?).await?,
        Verb::Terminate(named) => license::terminate(&chain, &named.load(global).await?).await?,
        Verb::Thaw(named) => license::thaw(&chain, &named.load(global).await?).await?,
        Verb::Withdraw(named) => license::withdraw(&chain, &named.load(global).await?).await?,
        Verb::TopUp { license, amount } => {
            let license = global.license(&license).await?;
            let amount = chain.currency(license.terms.currency).await?.parse(&amount)?;
            license::top_up(&chain, &license, amount).await?
        }
        Verb::Show { .. } | Verb::List(_) | Verb::Recover(_) | Verb::Delivery(_) => return Ok(()),
    };
    let lines: Vec<String> = changed.transactions.iter().map(TxRecord::line).collect();
    let id = changed.license_id.to_string();
    global.output().result(&changed, &id, || format!("license {id}\n{}", lines.join("\n")));
    Ok(())
}

async fn show(license: &LicenseFile, global: &Global) -> Result<()> {
    let standing = license::standing(&global.reading().await?, license).await?;
    global.output().result(&standing, standing.status, || {
        let rows = [
            ["license", &standing.license_id.to_string()],
            ["status", standing.status],
            ["host", &standing.host.to_string()],
            ["collateral", &standing.collateral.to_string()],
            ["thawed at", &standing.collateral_thaw_end.to_string()],
            ["deadline", &standing.deadline.to_string()],
            ["seed", &standing.seed.to_string()],
            ["accepted copy", &standing.sealed_root.to_string()],
            ["root of words", &standing.cases_root.to_string()],
        ];
        table(["what", "value"], rows.map(|row| row.map(str::to_owned)))
    });
    Ok(())
}
