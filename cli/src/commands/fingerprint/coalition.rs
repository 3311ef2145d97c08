//! `oml fingerprint coalition`: what pooling copies buys hosts.

use crate::error::{FailureKind, HintExt as _};
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_prover::trace::{
    CoalitionOptions, CoalitionReport, SCORINGS, STRATEGIES, Scoring, Strategy, simulate_coalition,
};
use serde::Serialize;

/// Flags of `coalition`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Coalition {
    /// Largest coalition; all sizes from 1 on are played
    #[arg(long, default_value_t = 8)]
    members: usize,
    /// Probability that a copy still gives an answer that it carries
    #[arg(long, default_value_t = 0.9)]
    survival: f64,
    /// Bound on the probability that an innocent license is ever convicted
    #[arg(long, default_value_t = 1e-9)]
    alpha: f64,
    /// Licenses that could be accused
    #[arg(long, default_value_t = 2048)]
    licenses: u32,
    /// Queries after which a trial ends without a conviction
    #[arg(long, default_value_t = 4096)]
    queries: u32,
    /// Trials per row
    #[arg(long, default_value_t = 1000)]
    trials: u32,
    /// Seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// One size, strategy and scoring.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    members: usize,
    strategy: Strategy,
    scoring: Scoring,
    #[serde(flatten)]
    report: CoalitionReport,
}

/// Simulates coalitions and prints how many queries convict them.
pub(super) fn run(args: &Coalition, output: Output) -> Result<()> {
    let options = CoalitionOptions {
        survival: args.survival,
        alpha: args.alpha,
        licenses: args.licenses,
        queries: args.queries,
        trials: args.trials,
        seed: args.seed,
        ..CoalitionOptions::default()
    };
    let rows = play(1..=args.members, &options, output)?;
    let data = serde_json::json!({
        "survival": args.survival, "alpha": args.alpha, "licenses": args.licenses,
        "queries": args.queries, "trials": args.trials, "rows": rows,
    });
    let wrong: u64 = rows.iter().map(|row| row.report.false_accusations).sum();
    output.result(&data, &wrong.to_string(), || human(&rows, args));
    Ok(())
}

/// Plays every strategy against every scoring.
pub(super) fn play(
    sizes: impl Iterator<Item = usize> + Clone,
    options: &CoalitionOptions,
    output: Output,
) -> Result<Vec<Row>> {
    let count = sizes.clone().count() * STRATEGIES.len() * SCORINGS.len();
    let bar = output.bar(count as u64, "coalitions");
    let mut rows = Vec::with_capacity(count);
    for members in sizes {
        for strategy in STRATEGIES {
            for scoring in SCORINGS {
                let options = CoalitionOptions { members, strategy, scoring, ..*options };
                let report = simulate_coalition(&options).hint(
                    "this coalition can't be played",
                    "the cause names the option and what is allowed",
                    FailureKind::Failed,
                )?;
                rows.push(Row { members, strategy, scoring, report });
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// One line per size and strategy, one column per scoring.
pub(super) fn rows_table(rows: &[Row]) -> String {
    let lines = rows.chunks(SCORINGS.len()).map(|line| {
        let cell = |row: &Row| match row.report.mean_queries {
            Some(mean) if row.report.convicted >= 0.9995 => format!("{mean:.0}"),
            Some(mean) => format!("{mean:.0} ({:.0} %)", 100.0 * row.report.convicted),
            None => "-".to_owned(),
        };
        let strategy = match line[0].strategy {
            Strategy::RandomMember => "random member",
            Strategy::Majority => "majority",
            Strategy::SuppressDisagreement => "suppression",
        };
        let mut cells = line.iter().map(cell);
        let mut next = || cells.next().unwrap_or_default();
        [
            line[0].members.to_string(),
            strategy.to_owned(),
            next(),
            next(),
            next(),
            next(),
            next(),
            next(),
        ]
    });
    table(
        [
            "copies",
            "answers as",
            "personal",
            "personal, mixture",
            "shared",
            "shared, mixture",
            "Tardos",
            "Tardos, misses too",
        ],
        lines,
    )
}

fn human(rows: &[Row], args: &Coalition) -> String {
    let innocents: u64 = rows.iter().map(|row| row.report.innocents).sum();
    let wrong: u64 = rows.iter().map(|row| row.report.false_accusations).sum();
    format!(
        "mean queries until a member is convicted (share of {} trials convicted within {} queries, where below \
         all)\nalpha {:e}, {} licenses, copies keep {:.0} % of their answers\n{}\n\
         innocent licenses followed: {innocents}, of these convicted: {wrong}",
        args.trials,
        args.queries,
        args.alpha,
        args.licenses,
        100.0 * args.survival,
        rows_table(rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn every_size_and_strategy_has_its_line() {
        let options = CoalitionOptions { trials: 20, queries: 256, ..CoalitionOptions::default() };
        let rows = play(1..=2, &options, Output::new(Format::Quiet)).unwrap();
        assert_eq!(rows.len(), 2 * STRATEGIES.len() * SCORINGS.len());
        let text = rows_table(&rows);
        assert_eq!(text.lines().count(), 1 + 2 * STRATEGIES.len(), "{text}");
        let json = serde_json::to_value(rows[0]).unwrap();
        for field in
            ["members", "strategy", "scoring", "convicted", "meanQueries", "falseAccusations"]
        {
            assert!(json.get(field).is_some(), "{field} is not in {json}");
        }
    }
}
