//! Lists of others: read with everything that is wrong with them, and checked against a model.

use super::target::TargetArgs;
use crate::error::{FailureKind, HintExt as _, exit_code, fail};
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_engine::Api;
use oml_prover::check::{EndpointOptions, PublishedTally, check_published, tokens_of_responses};
use oml_prover::fingerprint::{
    ListedPair, PairList, SkippedEntry, SkippedGroup, distinct, group_skipped, read_pairs,
};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A list of prompts and responses.
#[derive(Args, Clone, Debug)]
pub(super) struct PairsFile {
    /// List of {"key", "response"}, as JSON or lines; where an entry names an "effective_key", that
    /// one is the prompt
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// Refuse the list if any of its entries can't be used, instead of leaving them out
    #[arg(long)]
    strict: bool,
}

impl PairsFile {
    /// Whether a single entry that can't be used refuses the list.
    pub(super) const fn strict(&self) -> bool {
        self.strict
    }

    pub(super) fn read(&self) -> Result<PairList> {
        let shown = self.pairs.display();
        let file = File::open(&self.pairs).hint(
            format!("{shown} could not be read"),
            "check the path",
            FailureKind::Failed,
        )?;
        Ok(read_pairs(file).hint(
            format!("{shown} is not a list of pairs"),
            "it is a JSON list, or lines, of {\"key\": \"…\", \"response\": \"…\"} or {\"id\", \"query\", \"response\"}, as \
             `oml fingerprint export` writes them, or of keys alone",
            FailureKind::Failed,
        )?)
    }

    /// Tells of all entries that are left out, by reason; refuses them if the flags say so.
    pub(super) fn report(
        &self,
        skipped: &[SkippedEntry],
        output: Output,
    ) -> Result<Vec<SkippedGroup>> {
        let groups = group_skipped(skipped);
        if groups.is_empty() {
            return Ok(groups);
        }
        let text = skipped_text(&self.pairs, skipped.len(), &groups);
        if self.strict {
            let hint = "remove these entries, or leave out --strict";
            return Err(fail(text, hint, FailureKind::Failed));
        }
        output.progress(text);
        Ok(groups)
    }
}

fn skipped_text(path: &Path, count: usize, groups: &[SkippedGroup]) -> String {
    let mut text = format!("{count} entries of {} can't be used:", path.display());
    for group in groups {
        text.push_str(&format!(
            "\n  {} {}: {}",
            group.count,
            group.kind,
            group.examples.join("; ")
        ));
    }
    text
}

/// Flags of `check-pairs`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckPairs {
    #[command(flatten)]
    list: PairsFile,
    /// The prompts are messages of a user, asked through the model's chat template
    #[arg(long)]
    chat: bool,
    /// Most entries to ask, from the first on [default: all]
    #[arg(long, value_name = "N")]
    entries: Option<usize>,
    #[command(flatten)]
    target: TargetArgs,
}

/// How a target answered a published list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PairsChecked {
    target: String,
    /// Hits per entry that has a response; none if nothing was answered.
    hit_rate: Option<f64>,
    tally: PublishedTally,
    skipped: Vec<SkippedGroup>,
    /// What the figure says and what it does not.
    explanation: String,
}

/// Runs `check-pairs`: exit code 11 if nothing was answered, else 0, for a rate is no verdict.
pub(super) async fn run(args: &CheckPairs, output: Output) -> Result<ExitCode> {
    let list = args.list.read()?;
    let (used, skipped) = distinct(&list);
    let skipped = args.list.report(&skipped, output)?;
    let used: Vec<&ListedPair> =
        used.into_iter().take(args.entries.unwrap_or(usize::MAX)).collect();
    if used.iter().all(|listed| listed.pair.responses.is_empty()) {
        return Err(fail(
            format!("no entry of {} has a response to compare", args.list.pairs.display()),
            "a list of keys alone can be imported (`oml fingerprint import`), not checked",
            FailureKind::Failed,
        ));
    }
    let top_logprobs = EndpointOptions::default().top_logprobs;
    let target = args.target.open(tokens_of_responses(&used), top_logprobs).await?;
    let api = if args.chat { Api::Chat } else { Api::Completions };
    let tally = check_published(&target, &used, api).await;
    let hit_rate = tally.hit_rate();
    let checked = PairsChecked {
        target: args.target.name().to_owned(),
        hit_rate,
        explanation: explanation(hit_rate),
        tally,
        skipped,
    };
    let quiet = hit_rate.map_or("none".to_owned(), |rate| format!("{rate:.4}"));
    output.result(&checked, &quiet, || human(&checked));
    let silent = ExitCode::from(exit_code(FailureKind::Inconclusive));
    Ok(if hit_rate.is_some() { ExitCode::SUCCESS } else { silent })
}

fn explanation(hit_rate: Option<f64>) -> String {
    match hit_rate {
        Some(rate) => format!(
            "{:.2} % of the pairs are answered as published. Nobody drew these responses by lot, so \
             no probability of chance belongs to this, and it is no verdict; `import` makes keys \
             whose answers are drawn",
            100.0 * rate
        ),
        None => "nothing was answered: the pairs could not be checked".to_owned(),
    }
}

fn human(checked: &PairsChecked) -> String {
    let tally = &checked.tally;
    let asked = tally.hits + tally.misses + tally.no_answer + tally.not_checked;
    let row = |what: &str, value: String| [what.to_owned(), value];
    let mut rows = vec![
        row("answered as published", format!("{} of {asked}", tally.hits)),
        row("other answers", tally.misses.to_string()),
        row("no answer", tally.no_answer.to_string()),
        row("could not be asked", tally.not_checked.to_string()),
        row("without a response", tally.without_response.to_string()),
        row("left out", checked.skipped.iter().map(|g| g.count).sum::<usize>().to_string()),
    ];
    let why = tally.unanswered.iter().take(4);
    rows.extend(why.map(|why| row("", format!("{} x {}", why.count, why.reason))));
    rows.extend(tally.missed.iter().map(|missed| {
        let expected = missed.expected.join(" or ");
        row("missed", format!("entry {}: {:?}, not {expected:?}", missed.entry, missed.said))
    }));
    let table = table(["what", "value"], rows);
    format!("{}\n{table}\n{}", checked.target, checked.explanation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_from_silence() {
        assert!(explanation(Some(0.25)).starts_with("25.00 %"));
        assert!(explanation(None).contains("could not be checked"));
        let tally = PublishedTally { hits: 1, misses: 3, ..PublishedTally::default() };
        let checked = PairsChecked {
            target: "copy".to_owned(),
            hit_rate: tally.hit_rate(),
            explanation: explanation(tally.hit_rate()),
            tally,
            skipped: Vec::new(),
        };
        assert!(human(&checked).contains("1 of 4"));
    }
}
