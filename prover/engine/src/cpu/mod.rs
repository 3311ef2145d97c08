//! The decoder written out for f32 on the CPU, forward and backward.
//!
//! Sequences are cut into chunks that run on one core each, from the first layer to the last, so
//! cores meet only at the end and a chunk's activations stay in cache. The tensor library
//! synchronizes its threads at every operation, which on a busy machine costs more than the
//! arithmetic, and its fused operations have no gradients. Tests hold values and gradients equal to
//! those of the tensor library.
//!
//! Activations lie in one of two layouts with the same verbs: [`rows`], a row per token, and
//! [`lanes`], 32 sequences side by side. Both multiply with [`gemm`]. `docs/engine.md` says which
//! product runs when.

mod backward;
mod buffer;
mod decoder;
mod gemm;
mod guards;
mod heads;
mod lanes;
mod line;
mod math;
mod measure;
mod packed;
mod rows;
mod sequence;
mod simd;
mod vector;
mod workers;

pub(crate) use backward::{Gradients, gradients_of_large, gradients_of_small, is_large};
pub(crate) use decoder::CpuDecoder;
pub(crate) use gemm::NumberFormat;
pub(crate) use guards::Guards;
pub(crate) use lanes::last_logits as lane_logits;
pub(crate) use lanes::{LaneWeights, Prompts, Top, continue_greedily};
pub(crate) use line::LANES;
pub use measure::{ProductShape, ProductTimes, time_products};
pub(crate) use packed::PackedWeights;
pub(crate) use rows::{last_logits, losses, next_token_logits, next_tokens, softmax};
pub(crate) use sequence::Sequence;
pub(crate) use simd::vectorized;
pub(crate) use workers::on_a_worker;
