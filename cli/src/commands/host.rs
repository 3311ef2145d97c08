//! `oml host`: serving keys by epoch, and the numbers that receipts have got.

use crate::error::fail;
use crate::flags::Global;
use crate::output::{Output, table};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::files::LicenseFile;
use oml_client::host::{self, KeysStanding, NextKey, RevokedKey, RotatedKey};
use oml_client::{FailureKind, HintExt, TxRecord};
use oml_contracts::EthAddress;
use oml_node::NodeConfig;
use oml_node::signing::{HistoryState, survey};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Verbs of `oml host`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Keys that sign a license's receipts
    #[command(subcommand)]
    Keys(KeysVerb),
    /// Numbers that a node's receipts have got
    #[command(subcommand)]
    SigningHistory(HistoryVerb),
}

/// Verbs of `oml host keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysVerb {
    /// List the license's keys by epoch
    List(NamedLicense),
    /// Name the next key: for routine, or after a backup was restored
    Rotate {
        #[command(flatten)]
        license: NamedLicense,
        #[command(flatten)]
        next: Next,
    },
    /// Declare a key stolen: it ends now, and proofs by it end after a week and the settlement
    /// period
    Revoke {
        #[command(flatten)]
        license: NamedLicense,
        /// Epoch of the key, as `oml host keys list` shows it
        #[arg(long, value_name = "N")]
        epoch: u32,
    },
}

/// Verbs of `oml host signing-history`.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Show what is reserved for each key
    Show(NamedNode),
    /// Fail if a node with this configuration would refuse to sign
    Check(NamedNode),
}

/// Names a license by its file.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamedLicense {
    /// License file, as `oml license acquire` writes it
    #[arg(long, default_value = "license.json", value_name = "FILE|ID")]
    license: PathBuf,
}

impl NamedLicense {
    async fn load(&self, global: &Global) -> Result<LicenseFile> {
        global.license(&self.license).await
    }
}

/// Names a node by its configuration.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamedNode {
    /// Configuration file of the node
    #[arg(long, default_value = "node.toml", value_name = "FILE")]
    config: PathBuf,
}

/// Where the next key comes from.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Next {
    /// Make a new key and write its file there, as the node's serving_key_dir
    #[arg(long, value_name = "DIR")]
    key_dir: Option<PathBuf>,
    /// Name this account, whose key is elsewhere
    #[arg(long, value_name = "ADDRESS")]
    next: Option<EthAddress>,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::Keys(KeysVerb::List(license)) => {
            let found = host::keys(&global.reading().await?, &license.load(global).await?).await?;
            list(&found, global.output());
            Ok(())
        }
        Verb::Keys(KeysVerb::Rotate { license, next }) => {
            let chain = global.signing().await?;
            let next = match (next.key_dir, next.next) {
                (Some(folder), _) => NextKey::New(folder),
                (None, Some(account)) => NextKey::Account(account),
                (None, None) => return Err(no_next_key()),
            };
            rotated(
                &host::rotate(&chain, &license.load(global).await?, &next).await?,
                global.output(),
            );
            Ok(())
        }
        Verb::Keys(KeysVerb::Revoke { license, epoch }) => {
            let chain = global.signing().await?;
            revoked(
                &host::revoke(&chain, &license.load(global).await?, epoch).await?,
                global.output(),
            );
            Ok(())
        }
        Verb::SigningHistory(HistoryVerb::Show(node)) => {
            show(&histories(&node.config)?, global.output());
            Ok(())
        }
        Verb::SigningHistory(HistoryVerb::Check(node)) => check(&node.config, global.output()),
    }
}

fn no_next_key() -> eyre::Report {
    fail("no next key is named", "give --key-dir DIR or --next ADDRESS", FailureKind::Failed)
}

fn list(found: &KeysStanding, output: Output) {
    let current = found.keys.iter().find(|key| key.state == "current");
    let quiet = current.map(|key| key.signer.to_string()).unwrap_or_default();
    let time = |time: Option<u64>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    output.result(found, &quiet, || {
        let rows = found.keys.iter().map(|key| {
            [
                key.key_epoch.to_string(),
                key.signer.to_string(),
                key.state.to_owned(),
                key.from.to_string(),
                time(key.until),
                time(key.proofs_until),
            ]
        });
        table(["epoch", "key", "state", "from", "until", "proofs until"], rows)
    });
}

fn lines(transactions: &[TxRecord]) -> String {
    transactions.iter().map(TxRecord::line).collect::<Vec<_>>().join("\n")
}

fn rotated(done: &RotatedKey, output: Output) {
    let file = done.file.as_ref().map_or_else(
        || "put its file into the node's serving_key_dir".to_owned(),
        |file| {
            format!(
                "its file is {}; the node finds it if that is its serving_key_dir",
                file.display()
            )
        },
    );
    output.result(done, &done.signer.to_string(), || {
        format!(
            "key {} signs from now on as epoch {}; {file}\n{}",
            done.signer,
            done.key_epoch,
            lines(&done.transactions)
        )
    });
}

fn revoked(done: &RevokedKey, output: Output) {
    let next = if done.needs_rotation {
        "; the license has no key now: name the next with `oml host keys rotate`"
    } else {
        ""
    };
    let until = done.proofs_until.map_or_else(String::new, |time| {
        format!("; proofs by it are admissible until {time} (Unix seconds)")
    });
    output.result(done, &done.key_epoch.to_string(), || {
        format!(
            "key of epoch {} is revoked{until}{next}\n{}",
            done.key_epoch,
            lines(&done.transactions)
        )
    });
}

/// The signing histories of a node, those of each license by epoch.
fn histories(path: &Path) -> Result<Vec<HistoryState>> {
    let config = NodeConfig::load(path).hint(
        format!("{} is not a usable configuration", path.display()),
        "`oml node config example --full` shows every section and key",
        FailureKind::Failed,
    )?;
    let Some(host) = &config.host else {
        return Err(fail(
            format!("{} has no section [host]", path.display()),
            "give the configuration of the node that signs the receipts",
            FailureKind::Failed,
        ));
    };
    Ok(survey(host).hint(
        "the signing history could not be read",
        "the cause names the file or folder",
        FailureKind::Failed,
    )?)
}

fn show(states: &[HistoryState], output: Output) {
    output.result(&json!({ "histories": states }), &states.len().to_string(), || {
        let rows = states.iter().map(|state| {
            [
                state.license.to_string(),
                state.key_epoch.to_string(),
                state.signer.map(|signer| signer.to_string()).unwrap_or_default(),
                state.next.map(|next| next.to_string()).unwrap_or_default(),
                state.problem.clone().unwrap_or_else(|| "whole".to_owned()),
            ]
        });
        table(["license", "epoch", "key", "next number at least", "history"], rows)
    });
}

/// Only the newest epoch of a license matters: older ones sign nothing any more.
fn check(path: &Path, output: Output) -> Result<()> {
    let states = histories(path)?;
    let newest = states.iter().filter(|state| {
        !states.iter().any(|s| s.license == state.license && s.key_epoch > state.key_epoch)
    });
    if let Some((state, problem)) =
        newest.filter_map(|state| Some((state, state.problem.as_ref()?))).next()
    {
        return Err(fail(
            format!("{}: {problem}", state.history.display()),
            "name another key with `oml host keys rotate`; its numbers begin anew",
            FailureKind::Failed,
        ));
    }
    show(&states, output);
    Ok(())
}
