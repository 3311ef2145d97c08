//! Continuing prompts: greedily, or sampled from a seed.

use super::batching::run_batches;
use super::greedy::Greedy;
use super::grow::{Active, stream};
use super::model::Model;
use super::options::{GenerateOptions, Stop};
use crate::ModelError;

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
        if let Some(sampling) = options.sampling {
            sampling.check()?;
        }
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
}
