//! `oml fingerprint visibility`: how much a universe's keys stand out.

use super::onchain::Own;
use crate::compute::load_model;
use crate::error::{FailureKind, HintExt as _};
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_client::files;
use oml_engine::Model;
use oml_prover::fingerprint::{Key, LogPerplexities, Visibility, key_visibility};
use oml_prover::science::robustness::base_texts;
use std::path::PathBuf;

/// Ordinary prompts that are made where none are given.
const MADE: usize = 256;

/// Flags of `visibility`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Show {
    #[command(flatten)]
    own: Own,
    /// Model that scores the prompts: a detector's, or the base
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Ordinary prompts, one per line, cut to the keys' length and asked as they are [default:
    /// written by the model]
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
}

/// Scores keys and ordinary prompts and prints how well they can be told apart.
pub(super) fn run(args: &Show, output: Output) -> Result<()> {
    let universe = args.own.load()?;
    let model = load_model(&args.model)?;
    let keys: Vec<&Key> = universe.entries().iter().map(|entry| &entry.key).collect();
    let texts = match &args.prompts {
        Some(path) => {
            let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let words = |line: &str| Ok(model.tokenizer().encode(line)?);
            lines.map(words).collect::<Result<Vec<_>>>()?
        }
        None => own_texts(&model, &keys, 1)?,
    };
    let found = key_visibility(&model, &keys, &texts).hint(
        "keys and prompts could not be compared",
        "the cause names the prompt; --prompts takes one prompt per line",
        FailureKind::Failed,
    )?;
    output.result(&found, &format!("{:.4}", found.auc), || human(&found));
    Ok(())
}

/// Texts that a model writes, without what they start with, as long as the longest key.
pub(super) fn own_texts(model: &Model, keys: &[&Key], seed: u64) -> Result<Vec<Vec<u32>>> {
    let length = keys.iter().map(|key| key.tokens().len()).max().unwrap_or(0);
    let bos = usize::from(model.tokenizer().bos().is_some());
    let mut texts = base_texts(model, MADE, length, seed)?;
    texts.iter_mut().for_each(|text| drop(text.drain(..bos)));
    Ok(texts)
}

/// Both distributions and what a detector makes of them.
pub(super) fn human(found: &Visibility) -> String {
    let row = |what: &str, set: &LogPerplexities| {
        let [low, middle, high] = set.percentiles.map(|nats| format!("{nats:.3}"));
        [what.to_owned(), set.prompts.to_string(), format!("{:.3}", set.mean), low, middle, high]
    };
    let table = table(
        ["prompts", "count", "nats per token", "10 %", "50 %", "90 %"],
        [row("keys", &found.keys), row("ordinary", &found.ordinary)],
    );
    format!(
        "{table}\narea under the curve {:.3} (0.5: can't be told apart); {:.1} % of keys flagged at 1 % of ordinary prompts",
        found.auc,
        100.0 * found.flagged_at_one_percent
    )
}
