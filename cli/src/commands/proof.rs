//! `oml proof`: level 0, where the host's own signature convicts it.

use super::fingerprint::onchain::Own;
use crate::flags::Global;
use crate::output::Output;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::files::load_receipt;
use oml_client::money::Money;
use oml_client::proof::{self, AcceptedProof, CollectSeries, Collected, CollectedSeries, TakeKeys};
use oml_client::{TxRecord, pay};
use oml_payments::copies::MOST_BUNDLES;
use serde_json::json;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Verbs of `oml proof`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// A receipt for more than the host settled in time
    UnderMetering {
        /// License file of the host
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// Receipt file
        #[arg(long, value_name = "FILE")]
        receipt: PathBuf,
        #[command(flatten)]
        state: ProofState,
    },
    /// A receipt served outside of the license's term
    OutOfTerm {
        /// License file of the host
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// Receipt file
        #[arg(long, value_name = "FILE")]
        receipt: PathBuf,
        #[command(flatten)]
        state: ProofState,
    },
    /// Two receipts with one number and different content
    Equivocation {
        /// License file of the host
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// First receipt file
        #[arg(long, value_name = "FILE")]
        receipt: PathBuf,
        /// Second receipt file
        #[arg(long, value_name = "FILE")]
        other: PathBuf,
        #[command(flatten)]
        state: ProofState,
    },
    /// Take keys of a model out of its universe, to ask the host of another model; for the model's
    /// owner
    Keys(Keys),
    /// Commit to a series of keys, ask them of a host's gateway, keep what it signs; can be
    /// interrupted
    Collect(Collect),
    /// A series of answers that are another license's copy
    UnlicensedModel(Unlicensed),
}

/// Where a proof is kept between its commitment and its end.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProofState {
    /// Where the salt of the commitment is kept, so that a stopped command goes on [default: beside
    /// the receipt, *.VIOLATION.json]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

impl ProofState {
    /// The named file, or one beside the receipt.
    fn path(&self, receipt: &Path, violation: &str) -> PathBuf {
        let beside = || receipt.with_extension(format!("{violation}.json"));
        self.state.clone().unwrap_or_else(beside)
    }
}

/// Where a series and what was answered to it are kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct SeriesPaths {
    /// The series, as `oml proof collect` makes it or goes on with it
    #[arg(long, default_value = "copy-series.json", value_name = "FILE")]
    series: PathBuf,
    /// Channel file with which it is asked; until the last key nothing else may be asked on this
    /// channel
    #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
    channel: PathBuf,
    /// Log of vouchers, answers and receipts [default: beside the channel file, *.payments.jsonl]
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

impl SeriesPaths {
    /// The log of the channel.
    fn log(&self) -> PathBuf {
        self.log_file.clone().unwrap_or_else(|| pay::log_of(&self.channel))
    }
}

/// Flags of `keys`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Keys {
    /// License file of the host that is suspected
    #[arg(long, value_name = "FILE|ID")]
    license: PathBuf,
    /// License file of the copy that it may serve: another host's, of the universe's model
    #[arg(long, value_name = "FILE|ID")]
    copy: PathBuf,
    #[command(flatten)]
    own: Own,
    /// Bundles of 16 keys [default: as few as convict at --hit-rate]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_BUNDLES)))]
    bundles: Option<u32>,
    /// Part of the copy's answers that the host is thought to give
    #[arg(long, default_value_t = 0.8, value_name = "RATE")]
    hit_rate: f64,
    /// Where to write the keys; secret until the proof
    #[arg(long, default_value = "copy-keys.json", value_name = "FILE")]
    out: PathBuf,
}

/// Flags of `collect`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Collect {
    /// Keys to ask, as `oml proof keys` writes them; only to begin a series
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    paths: SeriesPaths,
    /// Base URL of the host's gateway
    #[arg(long, env = "OML_GATEWAY", value_name = "URL")]
    gateway: String,
    /// Name of the model at the host
    #[arg(long, default_value = "model", value_name = "NAME")]
    model: String,
    /// Longest answer, in tokens: the first word must end inside, and every byte is sent to the
    /// chain
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=64))]
    max_tokens: u32,
    /// Leave out the next key, which the host does not answer: it counts as a miss
    #[arg(long)]
    skip: bool,
    /// Another channel to the same license, on which to ask again for an answer that was signed but
    /// did not come
    #[arg(long, value_name = "FILE")]
    recover_on: Option<PathBuf>,
}

/// Flags of `unlicensed-model`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Unlicensed {
    #[command(flatten)]
    paths: SeriesPaths,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::Keys(args) => take_keys(args, global).await,
        Verb::Collect(args) => collect(args, global).await,
        Verb::UnlicensedModel(args) => unlicensed_model(&args, global).await,
        Verb::UnderMetering { license, receipt, state } => {
            let state = state.path(&receipt, "under-metering");
            let chain = global.signing().await?;
            let (license, receipt) = (global.license(&license).await?, load_receipt(&receipt)?);
            let proven = proof::under_metering(&chain, &license, &receipt, &state).await?;
            print(&proven, global.output());
            Ok(())
        }
        Verb::OutOfTerm { license, receipt, state } => {
            let state = state.path(&receipt, "out-of-term");
            let chain = global.signing().await?;
            let (license, receipt) = (global.license(&license).await?, load_receipt(&receipt)?);
            let proven = proof::out_of_term(&chain, &license, &receipt, &state).await?;
            print(&proven, global.output());
            Ok(())
        }
        Verb::Equivocation { license, receipt, other, state } => {
            let state = state.path(&receipt, "equivocation");
            let chain = global.signing().await?;
            let (a, b) = (load_receipt(&receipt)?, load_receipt(&other)?);
            let license = global.license(&license).await?;
            let proven = proof::equivocation(&chain, &license, [&a, &b], &state).await?;
            print(&proven, global.output());
            Ok(())
        }
    }
}

fn print(accepted: &AcceptedProof, output: Output) {
    let lines: Vec<String> = accepted.transactions.iter().map(TxRecord::line).collect();
    let (quiet, slashed) = shown_slash(accepted.slashed.as_ref());
    output.result(accepted, &quiet, || format!("{slashed}\n{}", lines.join("\n")));
}

/// A slash in smallest units, and for people.
fn shown_slash(slashed: Option<&Money>) -> (String, String) {
    slashed.map_or_else(
        || (String::new(), "nothing was slashed yet".to_owned()),
        |slashed| (slashed.units().to_string(), format!("slashed {slashed}")),
    )
}

async fn take_keys(args: Keys, global: &Global) -> Result<()> {
    global.refuse_dry_run("a file of keys")?;
    let chain = global.reading().await?;
    let order = TakeKeys {
        license: global.license(&args.license).await?,
        copy: global.license(&args.copy).await?,
        bundles: args.bundles,
        hit_rate: args.hit_rate,
        out: args.out,
    };
    let taken = proof::take_keys(&chain, &args.own.load()?, &order).await?;
    let keys = taken.keys;
    let data = json!({
        "keys": keys, "hitsNeeded": taken.hits_needed,
        "thresholdLog2": taken.threshold.to_f64(), "file": order.out,
    });
    let needed = taken.hits_needed.map_or_else(|| "no number of".to_owned(), |h| h.to_string());
    let path = order.out.display().to_string();
    global.output().result(&data, &path, || {
        format!(
            "wrote {path}: {keys} keys, {needed} hits convict; keep it secret, then `oml proof collect --keys {path}`"
        )
    });
    Ok(())
}

async fn collect(args: Collect, global: &Global) -> Result<()> {
    let output = global.output();
    let chain = global.signing().await?;
    let order = CollectSeries {
        log: args.paths.log(),
        keys: args.keys,
        series: args.paths.series,
        channel: args.paths.channel,
        gateway: args.gateway,
        model: args.model,
        max_tokens: args.max_tokens,
        skip: args.skip,
        recover_on: args.recover_on,
    };
    match proof::collect(&chain, &order, &output, asked_to_stop()).await? {
        Collected::DryRun(transactions) => {
            let data = json!({ "transactions": transactions });
            let lines: Vec<String> = transactions.iter().map(TxRecord::line).collect();
            output.result(&data, "", || lines.join("\n"));
        }
        Collected::Series(series) => {
            output.result(&series, &series.answered.to_string(), || collected(&series));
        }
    }
    Ok(())
}

/// A collected series for people.
fn collected(series: &CollectedSeries) -> String {
    let needed = series.hits_needed.map_or_else(|| "more".to_owned(), |hits| hits.to_string());
    let next = if series.convicts {
        "prove it with `oml proof unlicensed-model`"
    } else {
        "this convicts nobody"
    };
    let CollectedSeries { answered, keys, hits, .. } = series;
    format!(
        "{answered} of {keys} keys answered, {hits} with the copy's answer, {needed} are needed: {next}"
    )
}

/// A person's or the system's wish that the program ends.
async fn asked_to_stop() {
    let mut terminated = match signal(SignalKind::terminate()) {
        Ok(terminated) => terminated,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        // Without handlers the signals end the program, as they would without this function.
        interrupted = tokio::signal::ctrl_c() => {
            if interrupted.is_err() {
                std::future::pending::<()>().await;
            }
        }
        _ = terminated.recv() => {}
    }
}

async fn unlicensed_model(args: &Unlicensed, global: &Global) -> Result<()> {
    let output = global.output();
    let chain = global.signing().await?;
    let log = args.paths.log();
    let proven = proof::unlicensed_model(&chain, &args.paths.series, &log, &output).await?;
    let (quiet, slashed) = shown_slash(proven.slashed.as_ref());
    output.result(&proven, &quiet, || {
        let lines: Vec<String> = proven.transactions.iter().map(TxRecord::line).collect();
        format!(
            "{} of {} answers are the copy's, evidence {}, threshold {}; {slashed}\n{}",
            proven.hits,
            proven.queries,
            proven.evidence,
            proven.threshold,
            lines.join("\n")
        )
    });
    Ok(())
}
