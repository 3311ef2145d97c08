//! A decoder that is ready to run, and the one place that chooses between backends.

use candle_core::{DType, Result};
use std::sync::Arc;

use super::backend::{Backend, SideBySide};
use super::processor::Processor;
use super::setup::Setup;
use super::tensors::{TensorCache, Tensors};
use crate::cpu::{NumberFormat, Sequence, Top};
use crate::model::rope::Rotations;
use crate::model::{ModelConfig, Weights};

/// Weights with everything that running them needs. Cheap to clone: tensors are shared.
#[derive(Debug, Clone)]
pub(crate) enum Decoder {
    /// On the processor in f32, by the code written for that.
    Processor(Processor),
    /// Elsewhere, or in another float type, by the tensor library.
    Tensors(Tensors),
}

/// Keys and values of a batch of sequences, from which generation goes on.
#[derive(Debug)]
pub struct Cache {
    held: Held,
}

#[derive(Debug)]
enum Held {
    Processor(Vec<Sequence>),
    Tensors(TensorCache),
}

impl Cache {
    /// The given sequences of the batch, in the given order; repeats are allowed.
    pub(crate) fn select(&self, rows: &[usize]) -> Result<Self> {
        let held = match &self.held {
            Held::Processor(cache) => Held::Processor(Processor::select(cache, rows)?),
            Held::Tensors(cache) => Held::Tensors(Tensors::select(cache, rows)?),
        };
        Ok(Self { held })
    }
}

/// A cache that a decoder of the other backend made.
fn foreign<R>() -> Result<R> {
    candle_core::bail!("the cache was made by a decoder that runs elsewhere")
}

impl Decoder {
    /// Sets up a decoder for sequences of up to `context` positions.
    pub(crate) fn new(config: Arc<ModelConfig>, weights: Weights, context: usize) -> Result<Self> {
        let first = &weights.tensors.embeddings;
        let rope = Arc::new(Rotations::new(&config, context, first.device(), first.dtype())?);
        Ok(Self::over(Setup { config, weights, rope }))
    }

    /// Chooses the backend by where the weights lie and of which type they are.
    fn over(setup: Setup) -> Self {
        let handwritten =
            setup.device().is_cpu() && setup.weights.tensors.embeddings.dtype() == DType::F32;
        match handwritten {
            true => Self::Processor(Processor::new(setup)),
            false => Self::Tensors(Tensors::new(setup)),
        }
    }

    /// What the decoder computes with.
    pub(crate) fn setup(&self) -> &Setup {
        match self {
            Self::Processor(backend) => &backend.setup,
            Self::Tensors(backend) => &backend.setup,
        }
    }

    /// The model's shape.
    pub(crate) fn config(&self) -> &ModelConfig {
        &self.setup().config
    }

    /// The model's parameters.
    pub(crate) fn weights(&self) -> &Weights {
        &self.setup().weights
    }

    /// The same decoder over other weights of the same shape.
    pub(crate) fn with_weights(&self, weights: Weights) -> Self {
        Self::over(Setup { weights, ..self.setup().clone() })
    }

    /// A cache for sequences that start from nothing, see [`Backend::new_cache`].
    pub(crate) fn new_cache(&self, batch: usize) -> Cache {
        let held = match self {
            Self::Processor(backend) => Held::Processor(backend.new_cache(batch)),
            Self::Tensors(backend) => Held::Tensors(backend.new_cache(batch)),
        };
        Cache { held }
    }

    /// Logits after the last token of each sequence, see [`Backend::last_logits`].
    pub(crate) fn last_logits(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>> {
        match (self, &mut cache.held) {
            (Self::Processor(backend), Held::Processor(cache)) => {
                backend.last_logits(tokens, cache)
            }
            (Self::Tensors(backend), Held::Tensors(cache)) => backend.last_logits(tokens, cache),
            _ => foreign(),
        }
    }

    /// The most likely next tokens, see [`Backend::next_tokens`].
    pub(crate) fn next_tokens(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<u32>> {
        match (self, &mut cache.held) {
            (Self::Processor(backend), Held::Processor(cache)) => {
                backend.next_tokens(tokens, cache)
            }
            (Self::Tensors(backend), Held::Tensors(cache)) => backend.next_tokens(tokens, cache),
            _ => foreign(),
        }
    }

    /// Logits after every token, see [`Backend::next_token_logits`].
    pub(crate) fn next_token_logits(&self, tokens: &[u32], length: usize) -> Result<Vec<f32>> {
        match self {
            Self::Processor(backend) => backend.next_token_logits(tokens, length),
            Self::Tensors(backend) => backend.next_token_logits(tokens, length),
        }
    }

    /// Logits of sequences side by side in a format, see [`Backend::lane_logits`].
    pub(crate) fn lane_logits(
        &self,
        format: NumberFormat,
        sequences: SideBySide<'_, Cache>,
    ) -> Result<Option<Vec<f32>>> {
        let SideBySide { prefix, tokens, length } = sequences;
        match (self, &prefix.held) {
            (Self::Processor(backend), Held::Processor(prefix)) => {
                backend.lane_logits(format, SideBySide { prefix, tokens, length })
            }
            (Self::Tensors(backend), Held::Tensors(prefix)) => {
                backend.lane_logits(format, SideBySide { prefix, tokens, length })
            }
            _ => foreign(),
        }
    }

    /// Continues sequences side by side, see [`Backend::continue_greedily`].
    pub(crate) fn continue_greedily<S: Send>(
        &self,
        format: NumberFormat,
        sequences: SideBySide<'_, Cache>,
        most: usize,
        states: &mut [S],
        step: impl Fn(&mut S, Top) -> bool + Sync,
    ) -> Result<bool> {
        let SideBySide { prefix, tokens, length } = sequences;
        match (self, &prefix.held) {
            (Self::Processor(backend), Held::Processor(prefix)) => {
                let sequences = SideBySide { prefix, tokens, length };
                backend.continue_greedily(format, sequences, most, states, step)
            }
            (Self::Tensors(backend), Held::Tensors(prefix)) => {
                let sequences = SideBySide { prefix, tokens, length };
                backend.continue_greedily(format, sequences, most, states, step)
            }
            _ => foreign(),
        }
    }
}
