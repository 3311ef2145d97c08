//! Logits and the tokens they stand for.

/// Index as a token id; vocabularies and batches are far below 2^32.
pub(crate) fn token_id(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Index of the largest logit, the lowest among equals.
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = index;
        }
    }
    token_id(best)
}

/// Tokens with their probabilities, most likely first; equal ones by id.
pub fn ranked_probabilities(logits: &[f32], temperature: f32) -> Vec<(u32, f32)> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut ranked: Vec<(u32, f32)> = logits
        .iter()
        .enumerate()
        .map(|(index, logit)| (token_id(index), ((logit - max) / temperature).exp()))
        .collect();
    let sum: f32 = ranked.iter().map(|(_, p)| p).sum();
    for (_, p) in &mut ranked {
        *p /= sum;
    }
    ranked.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
}
