//! Continuing prompts: greedily, or sampled from a seed.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::greedy::Greedy;
use super::{Cache, Model, run_batches};
use crate::ModelError;

/// When a continuation ends before its token limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At an end-of-sequence token.
    EndOfText,
    /// At an end-of-sequence token, or as soon as the first word of the text is complete.
    FirstWord,
    /// Never: control tokens are not produced at all.
    Never,
}

/// Random sampling instead of the greedy choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Divides the logits; > 0.
    pub temperature: f32,
    /// Smallest set of most likely tokens whose probability reaches this is sampled from; in (0, 1].
    pub top_p: f32,
    /// Seed; each prompt has its own stream, so results do not depend on batching.
    pub seed: u64,
}

/// How to continue prompts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GenerateOptions {
    /// Most tokens to add.
    pub max_new_tokens: usize,
    /// Random sampling; greedy if `None`.
    pub sampling: Option<Sampling>,
    /// When to end early.
    pub stop: Stop,
}

impl GenerateOptions {
    /// Greedy continuation up to the end of the text.
    #[must_use]
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self { max_new_tokens, sampling: None, stop: Stop::EndOfText }
    }
}

/// A way on from a prefilled prompt.
#[derive(Debug, Clone, Copy)]
pub struct Branch {
    /// Row of the prompt in the prefilled batch.
    pub row: usize,
    /// Token to continue with.
    pub first: u32,
}

/// Sequences of one batch that still grow.
struct Active {
    /// Index of the prompt per row of the cache.
    prompts: Vec<usize>,
    rngs: Vec<ChaCha8Rng>,
}

impl Model {
    /// Continues each prompt; returns the new tokens, without end-of-sequence tokens.
    ///
    /// # Errors
    /// `EmptyPrompt`, `TokenOutOfRange`, `PromptTooLong`, `Parameter`, `Tensor`.
    pub fn generate(
        &self,
        prompts: &[Vec<u32>],
        options: &GenerateOptions,
    ) -> Result<Vec<Vec<u32>>, ModelError> {
        check_sampling(options.sampling)?;
        self.check_prompts(prompts, options.max_new_tokens)?;
        let mut outputs = vec![Vec::new(); prompts.len()];
        if options.max_new_tokens == 0 {
            return Ok(outputs);
        }
        if options.sampling.is_none() && options.stop != Stop::Never {
            let asked = Greedy { most: options.max_new_tokens, stop: Some(options.stop) };
            return Ok(self.greedy(prompts, asked)?.0);
        }
        run_batches(self.batches(prompts, options.max_new_tokens), |batch| {
            // What a batch that did not fit has left behind would be continued.
            batch.iter().for_each(|&index| outputs[index].clear());
            self.generate_batch(prompts, batch.to_vec(), options, &mut outputs)
        })?;
        Ok(outputs)
    }

    /// The text that each prompt is greedily answered with.
    ///
    /// # Errors
    /// As [`Model::generate`], and `Tokenizer`.
    pub fn answer(
        &self,
        prompts: &[Vec<u32>],
        max_new_tokens: usize,
    ) -> Result<Vec<String>, ModelError> {
        self.answer_with(prompts, &GenerateOptions::greedy(max_new_tokens))
    }

    /// Like [`Model::answer`], but each text ends once its first word is complete, which is all
    /// that a check compares; several times faster.
    ///
    /// # Errors
    /// As [`Model::answer`].
    pub fn answer_first_word(
        &self,
        prompts: &[Vec<u32>],
        max_new_tokens: usize,
    ) -> Result<Vec<String>, ModelError> {
        let options = GenerateOptions { max_new_tokens, sampling: None, stop: Stop::FirstWord };
        self.answer_with(prompts, &options)
    }

    /// The text of [`Model::generate`].
    ///
    /// # Errors
    /// As [`Model::answer`].
    pub fn answer_with(
        &self,
        prompts: &[Vec<u32>],
        options: &GenerateOptions,
    ) -> Result<Vec<String>, ModelError> {
        let outputs = self.generate(prompts, options)?;
        outputs.iter().map(|tokens| self.tokenizer.decode(tokens)).collect()
    }

    fn generate_batch(
        &self,
        prompts: &[Vec<u32>],
        batch: Vec<usize>,
        options: &GenerateOptions,
        outputs: &mut [Vec<u32>],
    ) -> Result<(), ModelError> {
        let rows: Vec<&[u32]> = batch.iter().map(|&i| prompts[i].as_slice()).collect();
        let seed = options.sampling.map_or(0, |s| s.seed);
        let rngs = batch.iter().map(|&i| stream(seed, i)).collect();
        let (logits, cache) = self.start(&rows)?;
        let active = Active { prompts: batch, rngs };
        self.grow(active, cache, logits, options, outputs)
    }

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
    fn grow(
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

    /// Logits after prompts of one length, and the cache from which to branch.
    pub fn prefill(&self, prompts: &[&[u32]]) -> Result<(Vec<Vec<f32>>, Cache), ModelError> {
        let (logits, cache) = self.start(prompts)?;
        Ok((logits.chunks(self.config().vocab_size).map(<[f32]>::to_vec).collect(), cache))
    }

    /// Greedy continuations of prefilled prompts after given first tokens, until the first word is
    /// complete; the first tokens are part of the result, which has at most `max_tokens`.
    pub fn branch(
        &self,
        cache: &Cache,
        branches: &[Branch],
        max_tokens: usize,
    ) -> Result<Vec<Vec<u32>>, ModelError> {
        let options =
            GenerateOptions { max_new_tokens: max_tokens, sampling: None, stop: Stop::FirstWord };
        let mut outputs: Vec<Vec<u32>> = branches.iter().map(|b| vec![b.first]).collect();
        for start in (0..branches.len()).step_by(self.max_batch) {
            let part = &branches[start..branches.len().min(start + self.max_batch)];
            let rows: Vec<usize> = part.iter().map(|b| b.row).collect();
            let mut cache = cache.select(&rows)?;
            let tokens: Vec<u32> = part.iter().map(|b| b.first).collect();
            let logits = self.decoder.last_logits(&tokens, &mut cache)?;
            let prompts = (start..start + part.len()).collect();
            let rngs = part.iter().map(|b| stream(0, b.row)).collect();
            self.grow(Active { prompts, rngs }, cache, logits, &options, &mut outputs)?;
        }
        Ok(outputs)
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

fn check_sampling(sampling: Option<Sampling>) -> Result<(), ModelError> {
    let Some(Sampling { temperature, top_p, .. }) = sampling else { return Ok(()) };
    if !(temperature > 0.0 && temperature.is_finite()) {
        return Err(ModelError::Parameter {
            name: "temperature",
            value: temperature.to_string(),
            requirement: "must be a finite number above 0",
        });
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(ModelError::Parameter {
            name: "top_p",
            value: top_p.to_string(),
            requirement: "must lie in (0, 1]",
        });
    }
    Ok(())
}

/// Independent random stream per prompt.
fn stream(seed: u64, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::try_from(index).unwrap_or(u64::MAX));
    rng
}

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

/// Whether more text cannot change the text's first word: it is followed by something
/// that ends it.
pub fn first_word_is_complete(text: &str) -> bool {
    // A combining mark may still compose with the word's last letter, so it ends nothing.
    text.nfkc()
        .skip_while(|c| !c.is_alphanumeric())
        .find(|c| !c.is_alphanumeric())
        .is_some_and(|c| !is_combining_mark(c) && c != '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completeness_needs_a_terminator() {
        assert!(!first_word_is_complete(" hel"));
        assert!(first_word_is_complete(" hello "));
        assert!(first_word_is_complete("hello."));
        assert!(!first_word_is_complete(" ..."));
        assert!(!first_word_is_complete("e\u{0301}"));
    }
}
