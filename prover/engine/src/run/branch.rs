//! Several ways on from one prompt.

use super::decoder::Cache;
use super::grow::{Active, stream};
use super::model::Model;
use super::options::{GenerateOptions, Stop};
use crate::ModelError;

/// A way on from a prefilled prompt.
#[derive(Debug, Clone, Copy)]
pub struct Branch {
    /// Row of the prompt in the prefilled batch.
    pub row: usize,
    /// Token to continue with.
    pub first: u32,
}

impl Model {
    /// Logits after prompts of one length, and the cache from which to branch.
    ///
    /// # Errors
    /// `Tensor`.
    pub fn prefill(&self, prompts: &[&[u32]]) -> Result<(Vec<Vec<f32>>, Cache), ModelError> {
        let (logits, cache) = self.start(prompts)?;
        Ok((logits.chunks(self.config().vocab_size).map(<[f32]>::to_vec).collect(), cache))
    }

    /// Greedy continuations of prefilled prompts after given first tokens, until the first word is
    /// complete; the first tokens are part of the result, which has at most `max_tokens`.
    ///
    /// # Errors
    /// `Tensor`, and `Tokenizer` if a continuation cannot be decoded.
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
}
