//! Adding tokens to sequences of one batch until each has stopped.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::decoder::Cache;
use super::first_word::first_word_is_complete;
use super::model::Model;
use super::options::{GenerateOptions, Sampling, Stop};
use crate::ModelError;
use crate::logits::{argmax, ranked_probabilities};

/// Sequences of one batch that still grow.
pub(super) struct Active {
    /// Index of the prompt per row of the cache.
    pub(super) prompts: Vec<usize>,
    /// Randomness per row, from the prompt's own stream.
    pub(super) rngs: Vec<ChaCha8Rng>,
}

impl Model {
    /// Greedy continuations of what a cache per output holds.
    pub(super) fn grow_from(
        &self,
        rest: &[u32],
        mut cache: Cache,
        options: &GenerateOptions,
        outputs: &mut [Vec<u32>],
    ) -> Result<(), ModelError> {
        let logits = self.decoder.last_logits(rest, &mut cache)?;
        let prompts = (0..outputs.len()).collect();
        let rngs = (0..outputs.len()).map(|row| stream(0, row)).collect();
        self.grow(Active { prompts, rngs }, cache, logits, options, outputs)
    }

    /// Adds tokens to the outputs of the active prompts until each has stopped.
    pub(super) fn grow(
        &self,
        mut active: Active,
        mut cache: Cache,
        mut logits: Vec<f32>,
        options: &GenerateOptions,
        outputs: &mut [Vec<u32>],
    ) -> Result<(), ModelError> {
        loop {
            let next = self.choose(&mut logits, options, &mut active.rngs);
            let kept = self.append(&next, &active, options, outputs)?;
            if kept.is_empty() {
                return Ok(());
            }
            if kept.len() < next.len() {
                cache = cache.select(&kept)?;
                active.prompts = kept.iter().map(|&row| active.prompts[row]).collect();
                active.rngs = kept.iter().map(|&row| active.rngs[row].clone()).collect();
            }
            let next: Vec<u32> = kept.iter().map(|&row| next[row]).collect();
            logits = self.decoder.last_logits(&next, &mut cache)?;
        }
    }

    /// Adds the chosen tokens to the outputs and returns the rows that go on.
    fn append(
        &self,
        next: &[u32],
        active: &Active,
        options: &GenerateOptions,
        outputs: &mut [Vec<u32>],
    ) -> Result<Vec<usize>, ModelError> {
        let mut kept = Vec::with_capacity(next.len());
        for (row, &token) in next.iter().enumerate() {
            if options.stop != Stop::Never && self.tokenizer.eos().contains(&token) {
                continue;
            }
            let output = &mut outputs[active.prompts[row]];
            output.push(token);
            let complete = options.stop == Stop::FirstWord
                && first_word_is_complete(&self.tokenizer.decode(output)?);
            if output.len() < options.max_new_tokens && !complete {
                kept.push(row);
            }
        }
        Ok(kept)
    }

    fn choose(
        &self,
        logits: &mut [f32],
        options: &GenerateOptions,
        rngs: &mut [ChaCha8Rng],
    ) -> Vec<u32> {
        let rows = logits.chunks_mut(self.config().vocab_size).zip(rngs);
        rows.map(|(row, rng)| {
            if options.stop == Stop::Never {
                self.suppress_control_tokens(row);
            }
            match options.sampling {
                None => argmax(row),
                Some(sampling) => sample(row, sampling, rng),
            }
        })
        .collect()
    }

    fn suppress_control_tokens(&self, logits: &mut [f32]) {
        for token in self.tokenizer.special_tokens() {
            if let Some(logit) = usize::try_from(token).ok().and_then(|t| logits.get_mut(t)) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}

/// Independent random stream per prompt.
pub(super) fn stream(seed: u64, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::try_from(index).unwrap_or(u64::MAX));
    rng
}

fn sample(logits: &[f32], sampling: Sampling, rng: &mut ChaCha8Rng) -> u32 {
    let ranked = ranked_probabilities(logits, sampling.temperature);
    let mut cumulative = 0.0;
    let mut nucleus = 0;
    for (_, p) in &ranked {
        cumulative += p;
        nucleus += 1;
        if cumulative >= sampling.top_p {
            break;
        }
    }
    let mut left = rng.random::<f32>() * cumulative;
    for &(token, p) in &ranked[..nucleus] {
        left -= p;
        if left <= 0.0 {
            return token;
        }
    }
    ranked[nucleus - 1].0
}
