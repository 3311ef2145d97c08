//! `oml fingerprint robustness`: what is left of fingerprints after what hosts do to copies.

use crate::compute::load_model;
use crate::error::{FailureKind, HintExt as _, fail};
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_client::files;
use oml_engine::{Corpus, Model};
use oml_prover::check::{Comparisons, Verdict};
use oml_prover::fingerprint::AnswersPerKey;
use oml_prover::science::robustness::{
    Attack, AttackRow, AttackSetting, CopyOptions, MarkedCopy, base_texts, usual_attacks,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Texts on which utility is measured, and their tokens.
const HELD_OUT: (usize, usize) = (48, 32);
/// Documents that fine-tuning draws from, and tokens of each.
const OTHER: (usize, usize) = (256, 32);

/// Flags of `robustness`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Robustness {
    /// Model to mark: directory or hub id
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Personal keys; a multiple of 16
    #[arg(long, default_value_t = 64)]
    keys: u32,
    /// Answers per key; one copy is made for each number given
    #[arg(long, value_delimiter = ',', default_value = "1,2", value_name = "N,…")]
    answers: Vec<u8>,
    /// none, temperature=T, prefix=TEXT, int8, int4, prune=SHARE, merge=SHARE (of the copy),
    /// fine-tune=STEPS, suppress=PROBABILITY; may be repeated [default: one or two of each]
    #[arg(long = "attack", value_name = "ATTACK")]
    attacks: Vec<String>,
    /// Texts to fine-tune on, one per line [default: made from the project's grammar]
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Bound on the probability of a false verdict
    #[arg(long, default_value_t = 1e-9)]
    alpha: f64,
    /// Licenses that an accuser could choose from
    #[arg(long, default_value_t = 1)]
    licenses: u32,
    /// Seed of keys, draws, training and sampling
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    model: String,
    keys: u32,
    alpha: f64,
    counts: Comparisons,
    rows: Vec<AttackRow>,
}

/// Attacks fingerprinted copies and prints what is left of the answers.
pub(super) fn run(args: &Robustness, output: Output) -> Result<()> {
    let attacks = attacks(&args.attacks)?;
    let numbers =
        args.answers.iter().map(|n| super::check::per_key(*n)).collect::<Result<Vec<_>>>()?;
    if args.keys == 0 || !args.keys.is_multiple_of(16) {
        return Err(fail(
            format!("--keys {} is no size of a universe", args.keys),
            "give a multiple of 16 above 0",
            FailureKind::Failed,
        ));
    }
    let base = load_model(&args.model)?;
    let texts = texts(&base, args.texts.as_deref(), args.seed)?;
    let held_out = base_texts(&base, HELD_OUT.0, HELD_OUT.1, args.seed ^ 0x5eed)?;
    let rows = measure(args, &base, &attacks, &numbers, (&texts, &held_out), output)?;
    let counts = Comparisons { cases: 1, licenses: args.licenses };
    let report =
        Report { model: args.model.clone(), keys: args.keys, alpha: args.alpha, counts, rows };
    let quiet: Vec<String> = report.rows.iter().map(quiet).collect();
    output.result(&report, &quiet.join("\n"), || human(&report));
    Ok(())
}

fn measure(
    args: &Robustness,
    base: &Model,
    attacks: &[Attack],
    numbers: &[AnswersPerKey],
    texts: (&[Vec<u32>], &[Vec<u32>]),
    output: Output,
) -> Result<Vec<AttackRow>> {
    let setting = AttackSetting {
        base,
        other_texts: texts.0,
        held_out: texts.1,
        alpha_inverse: super::plan::inverse(args.alpha)?,
        comparisons: Comparisons { cases: 1, licenses: args.licenses },
        seed: args.seed,
    };
    let bar = output.bar((numbers.len() * (attacks.len() + 1)) as u64, "attacks");
    let mut rows = Vec::new();
    for answers in numbers {
        let options = CopyOptions::new(args.keys, *answers, args.seed);
        let copy = MarkedCopy::make(base, &options).hint(
            format!("no copy with {} answers per key could be made", answers.get()),
            "fewer --keys may do",
            FailureKind::Failed,
        )?;
        bar.inc(1);
        for attack in attacks {
            rows.push(setting.judge(&copy, attack)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(rows)
}

fn attacks(given: &[String]) -> oml_client::Result<Vec<Attack>> {
    if given.is_empty() {
        return Ok(usual_attacks());
    }
    let parse = |text: &String| {
        text.parse::<Attack>().hint(
            format!("--attack {text:?} is not known"),
            "for instance: --attack int4 --attack prune=0.3 --attack suppress=0.9",
            FailureKind::Failed,
        )
    };
    given.iter().map(parse).collect()
}

/// Other text to fine-tune on: a file's lines, or documents of the project's grammar.
pub(super) fn texts(model: &Model, file: Option<&Path>, seed: u64) -> Result<Vec<Vec<u32>>> {
    let lines: Vec<String> = match file {
        Some(path) => {
            let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
            text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
        }
        None => {
            let (corpus, mut rng) = (Corpus::new()?, StdRng::seed_from_u64(seed));
            (0..OTHER.0).map(|_| corpus.document(&mut rng)).collect::<Result<_, _>>()?
        }
    };
    let tokens = |text: &String| {
        let mut tokens = model.tokenizer().prompt(text)?;
        tokens.truncate(OTHER.1.min(model.context()));
        Ok(tokens)
    };
    lines.iter().map(tokens).collect()
}

fn quiet(row: &AttackRow) -> String {
    format!("{} {} {:.4}", row.attack, row.answers_per_key, row.held.survival)
}

/// A verdict for a narrow column.
fn word(verdict: &Verdict) -> &'static str {
    super::check::verdict_words(verdict).0
}

/// The rows as a table.
pub(super) fn rows_table(rows: &[AttackRow]) -> String {
    let shown = rows.iter().map(|row| {
        let (answers, ranks) = (&row.held.answers, &row.held.ranks);
        [
            row.attack.clone(),
            row.answers_per_key.to_string(),
            format!("{:.1} %", 100.0 * row.held.survival),
            format!("{:.2}", row.held.mean_best_rank),
            format!("{:.3}", row.held.largest_probability),
            format!("{:.2}", row.utility.perplexity),
            format!("{:.3}", row.utility.agreement),
            format!("{:.1} {}", answers.evidence_log2, word(&answers.verdict)),
            format!("{:.1} {}", ranks.evidence_log2, word(&ranks.verdict)),
        ]
    });
    table(
        [
            "attack",
            "answers",
            "survival",
            "best rank",
            "top token",
            "perplexity",
            "agreement",
            "log2 E, answers",
            "log2 E, ranks",
        ],
        shown,
    )
}

fn human(report: &Report) -> String {
    let threshold = report.rows.first().map_or(0.0, |row| row.held.ranks.threshold_log2);
    format!(
        "{}: {} keys; threshold 2^{threshold:.1}, a match is wrong with probability {:e} at most\n{}\n\
         survival: keys still answered as drawn; best rank: of the drawn among 16 candidates, mean;\n\
         suppression is measured as if every position of a text began an answer",
        report.model,
        report.keys,
        report.alpha,
        rows_table(&report.rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacks_are_read_or_explained() {
        assert_eq!(attacks(&[]).unwrap(), usual_attacks());
        assert_eq!(attacks(&["int4".to_owned()]).unwrap(), [Attack::Round(4)]);
        let error = eyre::Report::from(attacks(&["melt".to_owned()]).unwrap_err());
        let error = format!("{error:#}");
        assert!(error.contains("melt") && error.contains("known are"), "{error}");
    }
}
