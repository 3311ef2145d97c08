//! Plays the acts once, or many times with other seeds.

use crate::options::DemoOptions;
use crate::play::Play;
use crate::report::{DemoReport, DemoTally};
use eyre::Result;
use oml_client::Progress;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Plays once.
///
/// # Errors
/// There is no such act, a process dies, a transaction fails, or an act ends otherwise than it
/// must.
pub async fn play_once(options: &DemoOptions, progress: &Arc<dyn Progress>) -> Result<DemoReport> {
    options.check()?;
    let start = Instant::now();
    let dir = match &options.dir {
        Some(dir) => dir.clone(),
        None => fresh_dir()?,
    };
    progress.say(&format!("everything is written to {}", dir.display()));
    let mut play = Play::open(options, &dir, Arc::clone(progress)).await?;
    let mut report =
        DemoReport { model: options.model.clone(), seed: options.seed, ..DemoReport::default() };
    report.acts.push(play.publish().await?);
    report.acts.push(play.license().await?);
    for number in &options.acts {
        match number {
            3 => report.acts.push(play.pay().await?),
            4 => report.acts.push(play.cheat().await?),
            5 => report.acts.push(play.innocent().await?),
            6 => report.acts.push(play.under_report().await?),
            7 => report.acts.push(play.rotate().await?),
            _ => {}
        }
    }
    let end = play.close().await?;
    report.close(&end, start.elapsed().as_secs_f64());
    if options.keep {
        progress.say(&play.explore());
    }
    Ok(report)
}

/// Plays `runs` times with seeds counted up, and counts how often each act ended how.
///
/// # Errors
/// As [`play_once`].
pub async fn play_many(
    options: &DemoOptions,
    runs: u64,
    progress: &Arc<dyn Progress>,
) -> Result<DemoTally> {
    options.check()?;
    let mut tally = DemoTally::default();
    for run in 0..runs {
        let dir = options.dir.as_deref().map(|dir| dir.join(format!("run-{run}")));
        let options = DemoOptions { seed: options.seed + run, dir, ..options.clone() };
        progress.say(&format!("run {} of {runs}, seed {}", run + 1, options.seed));
        tally.add(play_once(&options, progress).await?);
    }
    Ok(tally)
}

fn fresh_dir() -> Result<PathBuf> {
    let base = std::env::current_dir()?.join(".oml");
    let free = |number: u32| Some(base.join(format!("demo-{number}"))).filter(|dir| !dir.exists());
    let full = || full_of_demos(&base);
    (1..10_000).find_map(free).ok_or_else(full)
}

fn full_of_demos(base: &Path) -> eyre::Report {
    eyre::eyre!("{} is full of old demos; remove some", base.display())
}
