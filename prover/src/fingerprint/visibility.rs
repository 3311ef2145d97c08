//! How much keys stand out: what a host sees who scores every prompt with a language model.

use super::Key;
use oml_engine::{Api, Model, ModelError, Prompt};

/// Log-perplexities of a set of prompts, in nats per token.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogPerplexities {
    /// Prompts of two tokens or more, which are those that count.
    pub prompts: usize,
    /// Mean over the prompts.
    pub mean: f64,
    /// Tenth, fiftieth and ninetieth percentile.
    pub percentiles: [f64; 3],
}

/// Keys against ordinary prompts.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Visibility {
    /// Of the keys.
    pub keys: LogPerplexities,
    /// Of the ordinary prompts.
    pub ordinary: LogPerplexities,
    /// Probability that a key has a higher log-perplexity than an ordinary prompt (area under the
    /// curve of a detector that flags high ones). 0.5 can't be told apart; 0 and 1 can every time.
    pub auc: f64,
    /// Share of keys that a host flags who accepts to flag one ordinary prompt in a hundred, high
    /// or low.
    pub flagged_at_one_percent: f64,
}

/// Compares keys with ordinary texts (token ids without beginning-of-sequence token) that are asked
/// as the keys are: cut to a key's length, and as a user's message where the key is one, so that a
/// template tells nothing.
///
/// # Errors
/// `Parameter` if there are no keys or texts; as [`visibility`] and
/// [`oml_engine::TextTokenizer::asked`].
pub fn key_visibility(
    model: &Model,
    keys: &[&Key],
    texts: &[Vec<u32>],
) -> Result<Visibility, ModelError> {
    let ids = keys
        .iter()
        .map(|key| key.prompt_tokens(model.tokenizer()))
        .collect::<Result<Vec<_>, _>>()?;
    // In turn, so that lengths and ways of asking are as common as among the keys.
    let alike = keys.iter().cycle().zip(texts).map(|(key, text)| alike(model, key, text));
    visibility(model, &ids, &alike.collect::<Result<Vec<_>, _>>()?)
}

/// A text as it would be asked in place of a key.
fn alike(model: &Model, key: &Key, text: &[u32]) -> Result<Vec<u32>, ModelError> {
    let (tokenizer, cut) = (model.tokenizer(), &text[..text.len().min(key.tokens().len())]);
    match key.api() {
        Api::Completions => Ok(tokenizer.with_bos(cut)),
        Api::Chat => tokenizer.asked(&Prompt::of_user(Api::Chat, tokenizer.decode(cut)?.trim())),
    }
}

/// Compares prompts, each as the token ids that the model gets.
///
/// The first token is given, not predicted; prompts with fewer than two are left out.
///
/// # Errors
/// `Parameter` if either set has no prompt of two tokens; `TokenOutOfRange`, `PromptTooLong`,
/// `Tensor`.
pub fn visibility(
    model: &Model,
    keys: &[Vec<u32>],
    ordinary: &[Vec<u32>],
) -> Result<Visibility, ModelError> {
    let (keys, ordinary) = (nats(model, "keys", keys)?, nats(model, "ordinary prompts", ordinary)?);
    Ok(compare(&keys, &ordinary))
}

/// Nats per token of each prompt, ascending.
fn nats(model: &Model, name: &'static str, prompts: &[Vec<u32>]) -> Result<Vec<f64>, ModelError> {
    let pairs: Vec<(Vec<u32>, Vec<u32>)> = prompts
        .iter()
        .filter(|prompt| prompt.len() > 1)
        .map(|prompt| (prompt[..1].to_vec(), prompt[1..].to_vec()))
        .collect();
    if pairs.is_empty() {
        return Err(ModelError::Parameter {
            name,
            value: prompts.len().to_string(),
            requirement: "at least one of them must have two tokens or more",
        });
    }
    let sums = model.log_probabilities(&pairs)?;
    let mut nats: Vec<f64> =
        sums.iter().zip(&pairs).map(|(sum, (_, rest))| -sum / rest.len() as f64).collect();
    nats.sort_by(f64::total_cmp);
    Ok(nats)
}

fn compare(keys: &[f64], ordinary: &[f64]) -> Visibility {
    let below = |value: f64| ordinary.partition_point(|other| *other < value);
    let not_above = |value: f64| ordinary.partition_point(|other| *other <= value);
    let wins: usize = keys.iter().map(|key| below(*key) + not_above(*key)).sum();
    let pairs = 2 * keys.len() * ordinary.len();
    // Half a percent of ordinary prompts lies outside on either side.
    let (low, high) = (quantile(ordinary, 0.005), quantile(ordinary, 0.995));
    let flagged = keys.iter().filter(|key| **key < low || **key > high).count();
    Visibility {
        keys: summary(keys),
        ordinary: summary(ordinary),
        auc: wins as f64 / pairs as f64,
        flagged_at_one_percent: flagged as f64 / keys.len() as f64,
    }
}

fn summary(sorted: &[f64]) -> LogPerplexities {
    LogPerplexities {
        prompts: sorted.len(),
        mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
        percentiles: [0.1, 0.5, 0.9].map(|q| quantile(sorted, q)),
    }
}

/// Nearest-rank quantile of sorted values.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the list"
    )]
    let place = (q * (sorted.len() - 1) as f64).round() as usize;
    sorted[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_out_is_seen_and_what_does_not_is_not() {
        let ordinary: Vec<f64> = (0..1000).map(|i| 2.0 + f64::from(i) / 500.0).collect();
        let same = compare(&ordinary, &ordinary);
        assert_eq!(same.auc, 0.5);
        assert!(same.flagged_at_one_percent <= 0.011);
        assert!((same.keys.mean - 2.999).abs() < 1e-9 && same.keys.prompts == 1000);
        let odd = compare(&[9.0, 9.5], &ordinary);
        assert_eq!((odd.auc, odd.flagged_at_one_percent), (1.0, 1.0));
        let plain = compare(&[0.1], &ordinary);
        assert_eq!((plain.auc, plain.flagged_at_one_percent), (0.0, 1.0));
    }
}
