//! `oml round`: level 2, sealed rounds of sampled testers.

mod plan;
mod seal;
mod shown;

pub(crate) use seal::access_of;

use crate::flags::Global;
use crate::output::{Output, table};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::TxRecord;
use oml_client::round::{self, RoundFilter, RoundSecret, RoundState};
use oml_contracts::RoundId;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Verbs of `oml round`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the secret from which the accounts and salts of all rounds are derived; for owners
    Keygen {
        /// Where to write it; nobody can seal or open rounds without it
        #[arg(long, default_value = "rounds.secret", value_name = "FILE")]
        out: PathBuf,
    },
    /// Put the root of a license's words on chain, once; rounds sealed before do not count
    Commit {
        /// License file
        #[arg(long, default_value = "license.json", value_name = "FILE|ID")]
        license: PathBuf,
        #[command(flatten)]
        secret: SecretArgs,
    },
    /// Which size of a round may stand before which collateral, and how soon it convicts
    Plan(plan::Plan),
    /// Order a round of the owner's node, or sign a seal for a reporter
    Seal(Box<seal::Seal>),
    /// List the rounds of this deployment of the contracts, or of a license
    List {
        /// Only those of this license: opened ones, and with --secret the sealed ones
        #[arg(long, value_name = "FILE|ID")]
        license: Option<PathBuf>,
        /// The owner's rounds secret, which finds sealed rounds of the license
        #[arg(long, value_name = "FILE", requires = "license")]
        secret: Option<PathBuf>,
    },
    /// Show a round: who sits where, what was sent, what its opening found, what happens next
    Show {
        /// Round
        round: RoundId,
    },
    /// Wait until a round was opened or has lapsed
    Watch {
        /// Round
        round: RoundId,
        /// Seconds to wait
        #[arg(long, default_value_t = 600)]
        timeout: u64,
    },
    /// Take out the fees that the signer earned with its seats
    Collect {
        /// Only of this round [default: of all]
        round: Option<RoundId>,
    },
    /// Give the reporter's part of a level-0 proof that came after a round's seal to the payer of
    /// that round, which convicted; anyone may
    TakeReport {
        /// Round that convicted
        round: RoundId,
        /// License file of the convicted
        #[arg(long, default_value = "license.json", value_name = "FILE|ID")]
        license: PathBuf,
        /// Number of the payout in the vault [default: all that qualify]
        #[arg(long, value_name = "N")]
        payout: Option<u64>,
    },
}

/// The owner's rounds secret.
#[derive(Args, Clone, Debug)]
pub(crate) struct SecretArgs {
    /// The owner's rounds secret, as `keygen` writes it
    #[arg(long, default_value = "rounds.secret", value_name = "FILE")]
    secret: PathBuf,
}

impl SecretArgs {
    fn load(&self) -> Result<RoundSecret> {
        Ok(round::load_secret(&self.secret)?)
    }
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Keygen { out } => {
            global.refuse_dry_run("a secret")?;
            keygen(&out, output)
        }
        Verb::Commit { license, secret } => commit(&license, &secret, global).await,
        Verb::Plan(args) => plan::run(&args, output),
        Verb::Seal(args) => seal::run(*args, global).await,
        Verb::List { license, secret } => list(license.as_deref(), secret, global).await,
        Verb::Show { round } => {
            let standing = round::standing(&global.reading().await?, round).await?;
            output.result(&standing, standing.state.word(), || shown::round(&standing));
            Ok(())
        }
        Verb::Watch { round, timeout } => {
            let (chain, within) = (global.reading().await?, Duration::from_secs(timeout));
            let standing =
                round::watch(&chain, round, within, |line| output.progress(line)).await?;
            output.result(&standing, standing.state.word(), || shown::round(&standing));
            Ok(())
        }
        Verb::Collect { round } => collect(round, global).await,
        Verb::TakeReport { round, license, payout } => {
            take_report(round, &license, payout, global).await
        }
    }
}

fn keygen(out: &Path, output: Output) -> Result<()> {
    round::keygen(out)?;
    let path = out.display().to_string();
    output.result(&serde_json::json!({ "file": out }), &path, || {
        format!(
            "wrote {path}; keep a copy elsewhere: without it no round of your licenses can be \
             sealed or opened"
        )
    });
    Ok(())
}

async fn commit(license: &Path, secret: &SecretArgs, global: &Global) -> Result<()> {
    let (secret, license) = (secret.load()?, global.license(license).await?);
    let committed = round::commit_cases(&global.signing().await?, &secret, &license).await?;
    let root = committed.cases_root.to_string();
    global.output().result(&committed, &root, || {
        let sent = committed.transaction.as_ref();
        let said = sent.map_or_else(|| "committed before".to_owned(), TxRecord::line);
        format!("words of license {}: root {root}\n{said}", committed.license_id)
    });
    Ok(())
}

async fn list(license: Option<&Path>, secret: Option<PathBuf>, global: &Global) -> Result<()> {
    let license = match license {
        Some(named) => Some(global.license(named).await?.license_id),
        None => None,
    };
    let secret = secret.map(|path| round::load_secret(&path)).transpose()?;
    let filter = RoundFilter { license, secret: secret.as_ref() };
    let rounds = round::list(&global.reading().await?, filter).await?;
    let ids: Vec<String> = rounds.iter().map(|round| round.round_id.to_string()).collect();
    global.output().result(&rounds, &ids.join("\n"), || {
        let rows = rounds.iter().map(|round| {
            [
                round.round_id.to_string(),
                shown::state(round.state, RoundState::Answering),
                format!("{}/{}", round.sheets, round.seats),
                round.license_id.map_or_else(String::new, |id| id.to_string()),
                round.evidence_log2.map_or_else(String::new, |log2| format!("2^{log2:.2}")),
                shown::next(&round.next),
            ]
        });
        table(["round", "state", "sheets", "license", "evidence", "next"], rows)
    });
    Ok(())
}

async fn collect(round: Option<RoundId>, global: &Global) -> Result<()> {
    let collected = round::collect(&global.signing().await?, round).await?;
    let amount = collected.amount.units().to_string();
    global.output().result(&collected, &amount, || {
        if collected.transactions.is_empty() {
            return "nothing to collect".to_owned();
        }
        let lines: Vec<String> = collected.transactions.iter().map(TxRecord::line).collect();
        format!("{} taken out\n{}", collected.amount, lines.join("\n"))
    });
    Ok(())
}

async fn take_report(
    round: RoundId,
    license: &Path,
    payout: Option<u64>,
    global: &Global,
) -> Result<()> {
    let (chain, license) = (global.signing().await?, global.license(license).await?);
    let taken = round::take_report(&chain, &license, round, payout).await?;
    let ids: Vec<String> = taken.iter().map(|taken| taken.payout_id.to_string()).collect();
    global.output().result(&taken, &ids.join("\n"), || {
        let line = |taken: &round::TakenReport| {
            let (id, amount) = (taken.payout_id, &taken.amount);
            format!("payout {id}, {amount} of {}\n{}", taken.from, taken.transaction.line())
        };
        taken.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
