//! The decoder written out for f32 on the CPU, forward and backward.
//!
//! Sequences are cut into chunks that run on one core each, from the first layer to the last, so
//! cores meet only at the end and a chunk's activations stay in cache. The tensor library
//! synchronizes its threads at every operation, which on a busy machine costs more than the
//! arithmetic, and its fused operations have no gradients. Tests hold values and gradients equal to
//! those of the tensor library.

mod attention;
mod backward;
mod block;
mod blocked;
mod buffer;
mod forward;
mod kernel;
mod lanes;
mod ops;
mod pack;
mod packed;
mod rowwise;
mod simd;

pub(crate) use backward::{Gradients, gradients, is_large};
pub(crate) use forward::{Sequence, last_logits, losses, next_token_logits, next_tokens};
pub(crate) use lanes::last_logits as lane_logits;
pub(crate) use lanes::{Format, LANES, LaneWeights, Prompts, Top, continue_greedily};
pub(crate) use ops::{as_f32, softmax};
pub(crate) use packed::PackedWeights;
pub(crate) use simd::vectorized;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};
use std::ops::Deref;

use crate::model::rope::RopeTable;
use crate::model::weights::Params;
use crate::model::{ModelConfig, Weights};

/// Runs work on a worker of the thread pool: a parallel loop that begins elsewhere puts its thread to sleep and wakes
/// another, which costs more than many of the loops of a training step.
pub(crate) fn on_a_worker<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::join(work, || ()).0
}

/// Tokens that one core takes at a time: enough rows for the matrix product to be efficient.
const CHUNK_TOKENS: usize = 256;

/// Read access to the values of all parameters.
pub(crate) struct Guards<'a> {
    guards: Vec<(Box<dyn Deref<Target = Storage> + 'a>, &'a Layout)>,
}

impl<'a> Guards<'a> {
    pub(crate) fn new(weights: &'a Weights) -> Self {
        let guard = |tensor: &'a Tensor| {
            let (guard, layout) = tensor.storage_and_layout();
            (Box::new(guard) as Box<dyn Deref<Target = Storage> + 'a>, layout)
        };
        Self { guards: weights.named().iter().map(|(_, tensor)| guard(tensor)).collect() }
    }

    pub(super) fn values(&self) -> Result<Vec<&[f32]>> {
        self.guards.iter().map(|(storage, layout)| slice(storage, layout)).collect()
    }
}

fn slice<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => Ok(&values[start..end]),
        _ => candle_core::bail!("the weights are not contiguous f32 values on the CPU"),
    }
}

/// What a pass over the decoder reads.
pub(crate) struct Engine<'a> {
    config: &'a ModelConfig,
    positions: &'a Params<usize>,
    values: Vec<&'a [f32]>,
    rope: &'a RopeTable,
    eps: f32,
    packed: Option<&'a PackedWeights>,
    /// Whether products are shared by all cores block by block, see [`blocked`].
    blocked: bool,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(
        config: &'a ModelConfig,
        weights: &'a Weights,
        guards: &'a Guards<'a>,
        rope: &'a RopeTable,
        packed: Option<&'a PackedWeights>,
    ) -> Result<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "epsilons are plain small numbers")]
        let eps = config.rms_norm_eps as f32;
        Ok(Self {
            config,
            positions: &weights.positions,
            values: guards.values()?,
            rope,
            eps,
            packed,
            blocked: false,
        })
    }

    /// Sets out to train large weights, see [`is_large`].
    pub(crate) fn blocked(self) -> Self {
        Self { blocked: true, ..self }
    }

    fn q_width(&self) -> usize {
        self.config.heads * self.config.head_dim
    }

    fn kv_width(&self) -> usize {
        self.config.kv_heads * self.config.head_dim
    }

    /// Sequences of `t` tokens per chunk: a whole number of kernel calls where they are short.
    fn chunk(t: usize) -> usize {
        let sequences = (CHUNK_TOKENS / t.max(1)).max(1);
        if sequences >= kernel::ROWS { sequences / kernel::ROWS * kernel::ROWS } else { sequences }
    }
}
