//! A copy as a host serves it.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::RobustnessError;
use oml_engine::{
    Branch, GenerateOptions, Model, ModelError, Prompt, Sampling, Stop, argmax,
    ranked_probabilities,
};

/// What a host does to the model's answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Serving {
    /// Temperature of sampling; greedy if `None`.
    pub(crate) temperature: Option<f32>,
    /// Text put before every prompt: the system message of a chat.
    pub(crate) prefix: Option<String>,
    /// At the first position of an answer, drop the top token if its probability is above this,
    /// together with every token whose letters start with the top token's or start them, case
    /// aside.
    pub(crate) suppress_above: Option<f32>,
}

/// A served model.
#[derive(Debug, Clone)]
pub(crate) struct ServedModel {
    /// The model after attacks on its weights.
    pub(crate) model: Model,
    /// What is done to the answers.
    pub(crate) serving: Serving,
    /// Lower-cased letters and digits of every token, where suppression needs them.
    pieces: Vec<String>,
    seed: u64,
}

impl ServedModel {
    /// Serves a model; `seed` drives the sampling.
    ///
    /// # Errors
    /// `Model` if a token of the vocabulary can't be decoded.
    pub(crate) fn new(model: Model, serving: Serving, seed: u64) -> Result<Self, RobustnessError> {
        let mut pieces = Vec::new();
        if serving.suppress_above.is_some() {
            let size = u32::try_from(model.config().vocab_size).unwrap_or(u32::MAX);
            for token in 0..size {
                // Ids without a text are never neighbors of a text.
                let text = model.tokenizer().decode(&[token]).unwrap_or_default();
                pieces.push(folded(&text));
            }
        }
        Ok(Self { model, serving, pieces, seed })
    }

    /// Token ids that the model gets for a prompt, the host's prefix included.
    ///
    /// # Errors
    /// As [`oml_engine::TextTokenizer::asked`].
    pub(crate) fn ids(&self, prompt: &Prompt) -> Result<Vec<u32>, ModelError> {
        let tokenizer = self.model.tokenizer();
        match &self.serving.prefix {
            Some(prefix) => tokenizer.asked(&prompt.under(prefix)),
            None => tokenizer.asked(prompt),
        }
    }

    /// Logits of the first token of each answer, as served.
    ///
    /// # Errors
    /// As [`Model::last_logits`].
    pub(crate) fn first_logits(&self, prompts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut all = self.model.last_logits(prompts)?;
        all.iter_mut().for_each(|logits| self.suppress(logits));
        Ok(all)
    }

    /// The text that each prompt is answered with, up to the end of its first word.
    ///
    /// # Errors
    /// As [`Model::answer_with`].
    pub(crate) fn answers(
        &self,
        prompts: &[Vec<u32>],
        max_tokens: usize,
    ) -> Result<Vec<String>, ModelError> {
        let seed = self.seed;
        let sampling =
            self.serving.temperature.map(|temperature| Sampling { temperature, top_p: 1.0, seed });
        if self.serving.suppress_above.is_none() {
            let options =
                GenerateOptions { max_new_tokens: max_tokens, sampling, stop: Stop::FirstWord };
            return self.model.answer_with(prompts, &options);
        }
        self.model.check_prompts(prompts, max_tokens)?;
        let mut answers = vec![String::new(); prompts.len()];
        for batch in self.model.batches(prompts, max_tokens) {
            let rows: Vec<&[u32]> = batch.iter().map(|&i| prompts[i].as_slice()).collect();
            let (mut logits, cache) = self.model.prefill(&rows)?;
            let branches: Vec<Branch> = (logits.iter_mut().enumerate())
                .map(|(row, logits)| {
                    self.suppress(logits);
                    Branch { row, first: self.pick(logits, batch[row]) }
                })
                .collect();
            let grown = self.model.branch(&cache, &branches, max_tokens)?;
            for (&index, tokens) in batch.iter().zip(&grown) {
                answers[index] = self.model.tokenizer().decode(tokens)?;
            }
        }
        Ok(answers)
    }

    /// Drops the top token and its neighbors if the host does that.
    pub(super) fn suppress(&self, logits: &mut [f32]) {
        let Some(gate) = self.serving.suppress_above else { return };
        let top = argmax(logits) as usize;
        let sum: f32 = logits.iter().map(|logit| (logit - logits[top]).exp()).sum();
        if 1.0 / sum <= gate {
            return;
        }
        let Some(piece) = self.pieces.get(top) else { return };
        for (token, logit) in logits.iter_mut().enumerate() {
            let other = self.pieces.get(token).map_or("", String::as_str);
            let near = !piece.is_empty()
                && !other.is_empty()
                && (other.starts_with(piece.as_str()) || piece.starts_with(other));
            if token == top || near {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    fn pick(&self, logits: &[f32], index: usize) -> u32 {
        let Some(temperature) = self.serving.temperature else { return argmax(logits) };
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index as u64);
        let mut left = rng.random::<f32>();
        let ranked = ranked_probabilities(logits, temperature);
        let chosen = ranked.iter().find(|(_, p)| {
            left -= p;
            left <= 0.0
        });
        chosen.or(ranked.first()).map_or(0, |(token, _)| *token)
    }
}

/// Lower-cased letters and digits.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
