//! The tensor library as a backend.

use candle_core::{Result, Tensor};

use super::forward::{TensorCache, TensorForward};
use super::ops::argmax_rows;
use crate::logits::token_id;
use crate::run::backend::Backend;
use crate::run::setup::Setup;

/// Runs a decoder with the tensor library, on any device and in any float type.
#[derive(Debug, Clone)]
pub(crate) struct Tensors {
    pub(crate) setup: Setup,
}

impl Tensors {
    /// Sets up the decoder; it runs where its weights lie.
    pub(crate) fn new(setup: Setup) -> Self {
        Self { setup }
    }

    /// As [`Backend::last_logits`], `[batch, vocabulary]` on the device.
    fn last_logits_there(&self, tokens: &[u32], cache: &mut TensorCache) -> Result<Tensor> {
        let length = tokens.len() / cache.batch.max(1);
        let tokens = Tensor::from_slice(tokens, (cache.batch, length), self.setup.device())?;
        TensorForward::new(&self.setup).last_logits(&tokens, cache)
    }
}

impl Backend for Tensors {
    type Cache = TensorCache;

    fn new_cache(&self, batch: usize) -> TensorCache {
        TensorCache::new(batch)
    }

    fn select(cache: &TensorCache, rows: &[usize]) -> Result<TensorCache> {
        cache.select(rows)
    }

    fn last_logits(&self, tokens: &[u32], cache: &mut TensorCache) -> Result<Vec<f32>> {
        self.last_logits_there(tokens, cache)?.flatten_all()?.to_vec1()
    }

    fn next_tokens(&self, tokens: &[u32], cache: &mut TensorCache) -> Result<Vec<u32>> {
        // A vocabulary of logits per sequence would take longer to fetch than to compute.
        let best = argmax_rows(&self.last_logits_there(tokens, cache)?)?.to_vec1()?;
        // Half precision can overflow, and no answer must be made up from that.
        if best.iter().any(|&id| id == token_id(self.setup.config.vocab_size)) {
            candle_core::bail!("logits that are not numbers; use a wider float type");
        }
        Ok(best)
    }

    fn next_token_logits(&self, tokens: &[u32], length: usize) -> Result<Vec<f32>> {
        self.setup.check_positions(length)?;
        let forward = TensorForward::new(&self.setup);
        let tokens =
            Tensor::from_slice(tokens, (tokens.len() / length, length), self.setup.device())?;
        forward.logits(&forward.hidden(&tokens)?)?.flatten_all()?.to_vec1()
    }
}
