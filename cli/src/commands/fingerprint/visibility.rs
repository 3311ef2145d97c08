//! `oml fingerprint visibility`: how much a universe's keys stand out.

use super::onchain::Own;
use crate::error::{Exit, HintExt};
use crate::files;
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_prover::fingerprint::{LogPerplexities, Visibility, visibility};
use oml_prover::robustness::base_texts;
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
    /// Ordinary prompts, one per line, cut to the keys' length [default: written by the model]
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
}

/// Runs `visibility`.
pub(super) fn run(args: &Show, output: Output) -> Result<()> {
    let universe = args.own.load()?;
    let model = files::load_model(&args.model)?;
    let keys = universe
        .entries()
        .iter()
        .map(|entry| entry.key.ids(model.tokenizer()))
        .collect::<Result<Vec<_>, _>>()?;
    let length = keys.iter().map(Vec::len).max().unwrap_or(0);
    let ordinary = match &args.prompts {
        Some(path) => {
            let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let cut = |line: &str| {
                let mut tokens = model.tokenizer().prompt(line)?;
                tokens.truncate(length);
                Ok(tokens)
            };
            lines.map(cut).collect::<Result<Vec<_>>>()?
        }
        None => base_texts(&model, MADE, length.saturating_sub(1), 1)?,
    };
    let found = visibility(&model, &keys, &ordinary).hint(
        "keys and prompts could not be compared",
        "the cause names the prompt; --prompts takes one prompt per line",
        Exit::Failed,
    )?;
    output.result(&found, &format!("{:.4}", found.auc), || human(&found));
    Ok(())
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
