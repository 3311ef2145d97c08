//! `oml fingerprint`: from the secrets of a model to the question whose copy a deployment is.

mod ask;
mod check;
mod coalition;
mod elsewhere;
mod embed;
mod make;
pub(crate) mod onchain;
mod pairs;
mod plan;
mod reach;
mod robustness;
mod science;
mod secret;
mod target;
mod trace;
mod training;
mod visibility;

use crate::flags::Global;
use clap::Subcommand;
use eyre::Result;
use std::process::ExitCode;

/// Verbs of `oml fingerprint`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make keys with 16 candidate answers each, and write the encrypted universe
    Generate(make::Generate),
    /// Put a universe's root on chain
    Commit(onchain::Own),
    /// Draw the seed of a universe's shared answers; anyone may
    Seed(onchain::DrawSeed),
    /// Train a license's copy until it gives the answers drawn for it
    Embed(embed::Embed),
    /// Write a license's training set, for copies that another program trains
    Dataset(elsewhere::Dataset),
    /// Judge a copy that another program trained, as `embed` judges its own
    Accept(elsewhere::Accept),
    /// Ask a target and judge its answers for one license; the exit code is the verdict
    Check(check::Check),
    /// Ask a model or a service the prompts of a published list, and count the responses that it
    /// gives as published
    CheckPairs(pairs::CheckPairs),
    /// Ask a target and say whose copy it is
    Trace(trace::Trace),
    /// Show a universe and what is left of it on chain
    Show {
        #[command(flatten)]
        own: onchain::Own,
        /// Do not ask the chain
        #[arg(long)]
        offline: bool,
    },
    /// How many queries a decision takes, and how far a universe lasts
    Plan(plan::Plan),
    /// What is left of fingerprints after fine-tuning, rounding, pruning, merging, sampling,
    /// suppression
    Robustness(robustness::Robustness),
    /// Queries until a coalition of hosts is convicted, and false accusations, by simulation over
    /// the draw
    Coalition(coalition::Coalition),
    /// The science table: capacity, utility, persistence, attacks, false positives of a model
    Science(science::Science),
    /// How much keys stand out from ordinary prompts, in the eyes of who scores all prompts
    Visibility(visibility::Show),
    /// Write a license's keys and answers as a list of {"key", "response"}
    Export(embed::Export),
    /// Make a universe of the keys of a list of {"key", "response"}
    Import(make::Import),
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<ExitCode> {
    let output = global.output();
    if matches!(verb, Verb::Generate(_) | Verb::Import(_) | Verb::Export(_) | Verb::Dataset(_)) {
        global.refuse_dry_run("a file of secrets")?;
    }
    match verb {
        Verb::Generate(args) => make::run_generate(&args, output)?,
        Verb::Commit(own) => onchain::run_commit(&own, global).await?,
        Verb::Seed(args) => onchain::run_seed(&args, global).await?,
        Verb::Embed(args) => embed::run(&args, global).await?,
        Verb::Dataset(args) => elsewhere::run_dataset(&args, global).await?,
        Verb::Accept(args) => elsewhere::run_accept(&args, global).await?,
        Verb::Check(args) => return check::run(&args, global).await,
        Verb::CheckPairs(args) => return pairs::run(&args, output).await,
        Verb::Trace(args) => return trace::run(&args, global).await,
        Verb::Show { own, offline } => {
            onchain::run_show(&own, (!offline).then_some(global), output).await?
        }
        Verb::Plan(args) => plan::run(&args, output)?,
        Verb::Robustness(args) => robustness::run(&args, output)?,
        Verb::Coalition(args) => coalition::run(&args, output)?,
        Verb::Science(args) => science::run(&args, output).await?,
        Verb::Visibility(args) => visibility::run(&args, output)?,
        Verb::Export(args) => embed::run_export(&args, global).await?,
        Verb::Import(args) => make::run_import(&args, output)?,
    }
    Ok(ExitCode::SUCCESS)
}
