//! How likely a model found the tokens of an answer, and what it would rather have said.

use super::model::Model;
use crate::ModelError;

/// One token of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenScore {
    /// Id of the token that is scored.
    pub token: u32,
    /// Its log-probability, in nats.
    pub log_probability: f64,
    /// The likeliest tokens at its place with theirs, likeliest first.
    pub top: Vec<(u32, f64)>,
}

impl Model {
    /// Scores the tokens of `sequence` from place `start` on, each given all before it. Every token
    /// costs a pass over what is before it, so that memory stays bounded by one row of the
    /// vocabulary per token.
    ///
    /// # Errors
    /// `EmptyPrompt` if nothing is before the first token; as [`Model::last_logits`].
    pub fn token_scores(
        &self,
        sequence: &[u32],
        start: usize,
        top: usize,
    ) -> Result<Vec<TokenScore>, ModelError> {
        let prompts: Vec<Vec<u32>> =
            (start..sequence.len()).map(|end| sequence[..end].to_vec()).collect();
        let mut scores: Vec<Option<TokenScore>> = vec![None; prompts.len()];
        self.for_each_last_logits(&prompts, |place, logits| {
            scores[place] = Some(score(sequence[start + place], logits, top));
        })?;
        Ok(scores.into_iter().flatten().collect())
    }
}

fn score(token: u32, logits: &[f32], top: usize) -> TokenScore {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from(x - largest).exp()).sum();
    let norm = f64::from(largest) + sum.ln();
    let log_probability = |logit: f32| f64::from(logit) - norm;
    let mut ranked: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
    let better = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let top = top.min(ranked.len());
    if top > 0 && top < ranked.len() {
        ranked.select_nth_unstable_by(top - 1, better);
    }
    ranked.truncate(top);
    ranked.sort_unstable_by(better);
    let own = usize::try_from(token).ok().and_then(|place| logits.get(place).copied());
    TokenScore {
        token,
        log_probability: log_probability(own.unwrap_or(f32::NEG_INFINITY)),
        top: ranked.into_iter().map(|(token, logit)| (token, log_probability(logit))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_the_order_is_theirs() {
        let logits = [0.5, -2.0, 3.0, 3.0, 100.0 - 98.0];
        let found = score(1, &logits, 5);
        let sum: f64 = found.top.iter().map(|(_, p)| p.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert_eq!(found.top.iter().map(|(t, _)| *t).collect::<Vec<_>>(), [2, 3, 4, 0, 1]);
        assert_eq!(Some(&(1, found.log_probability)), found.top.last());
        assert_eq!(score(1, &logits, 2).top, found.top[..2]);
        assert!(score(1, &logits, 0).top.is_empty());
        assert_eq!(score(9, &logits, 0).log_probability, f64::NEG_INFINITY);
    }
}
