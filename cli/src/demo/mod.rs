//! `oml demo`: the whole protocol on a local chain, with real processes and a real model.

mod acts;
mod ledger;
mod nodes;
pub(crate) mod processes;
mod report;
mod scenario;

pub use crate::commands::case::Verdict;
pub use acts::Play;
pub use ledger::{Gain, Mined, Snapshot};
use report::Tally;
pub use report::{Act, Copy, Report};

use crate::Global;
use crate::error::{Exit, fail};
use crate::output::Output;
use clap::Args;
use eyre::Result;
use std::path::PathBuf;
use std::time::Instant;

/// What to play.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Model to license: directory or hub id
    #[arg(long, default_value = "prover/assets/models/tiny", value_name = "DIR_OR_HUB_ID")]
    pub model: String,
    /// Model that the innocent host serves
    #[arg(long, default_value = "prover/assets/models/tiny-b", value_name = "DIR_OR_HUB_ID")]
    pub other_model: String,
    /// Seed of everything that is not drawn by the chain
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where to write keys, copies, databases and logs; a new folder under .oml/ if not given
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Play only these acts; 1 and 2 are always played
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,4,5,6", value_name = "N,N")]
    pub acts: Vec<u8>,
    /// Play this many times with seeds counted up, and report how often each act ended how
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "keep")]
    pub runs: u64,
    /// Leave chain, nodes and servers running, and print how to explore them
    #[arg(long)]
    pub keep: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            model: "prover/assets/models/tiny".to_owned(),
            other_model: "prover/assets/models/tiny-b".to_owned(),
            seed: 1,
            dir: None,
            acts: (1..=6).collect(),
            runs: 1,
            keep: false,
        }
    }
}

/// Plays the demo, once or many times.
pub(crate) async fn run(options: Options, global: &Global) -> Result<()> {
    let output = global.output();
    if let Some(other) = options.acts.iter().find(|number| !(1..=6).contains(*number)) {
        return Err(fail(format!("there is no act {other}"), "acts are 1 to 6", Exit::Failed));
    }
    if options.runs == 1 {
        let report = play(&options, output).await?;
        output.result(&report, &report.supply, || report.human());
        return Ok(());
    }
    let mut tally = Tally::default();
    for run in 0..options.runs {
        let dir = options.dir.as_ref().map(|dir| dir.join(format!("run-{run}")));
        let options = Options { seed: options.seed + run, dir, ..options.clone() };
        output.progress(format!("run {} of {}, seed {}", run + 1, options.runs, options.seed));
        tally.add(play(&options, output).await?);
    }
    output.result(&tally, &tally.runs.to_string(), || tally.human());
    Ok(())
}

/// Plays once.
async fn play(options: &Options, output: Output) -> Result<Report> {
    let start = Instant::now();
    let dir = match &options.dir {
        Some(dir) => dir.clone(),
        None => fresh_dir()?,
    };
    output.progress(format!("everything is written to {}", dir.display()));
    let mut play = Play::open(options, &dir, std::env::current_exe()?, output).await?;
    let mut report =
        Report { model: options.model.clone(), seed: options.seed, ..Report::default() };
    report.acts.push(play.publish().await?);
    report.acts.push(play.license().await?);
    for number in &options.acts {
        match number {
            3 => report.acts.push(play.pay().await?),
            4 => report.acts.push(play.cheat().await?),
            5 => report.acts.push(play.innocent().await?),
            6 => report.acts.push(play.under_report().await?),
            _ => {}
        }
    }
    let end = play.close().await?;
    report.close(&end, start.elapsed().as_secs_f64());
    if options.keep {
        output.progress(play.explore());
    }
    Ok(report)
}

fn fresh_dir() -> Result<PathBuf> {
    let base = std::env::current_dir()?.join(".oml");
    for number in 1..10_000_u32 {
        let dir = base.join(format!("demo-{number}"));
        if !dir.exists() {
            return Ok(dir);
        }
    }
    Err(eyre::eyre!("{} is full of old demos; remove some", base.display()))
}
