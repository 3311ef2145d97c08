//! Answers to many prompts of one length, 32 sequences side by side.
//!
//! Each value of an activation is a line of 32 lanes, one per sequence, so that products, norms,
//! rotations and attention are vector operations without sums across lanes, whatever the width of a
//! head, and no padded or future position is computed. What all prompts begin with is held once.
//! Products may run in a lower precision, see [`NumberFormat`](super::gemm::NumberFormat);
//! everything else is f32.

mod attention;
mod chunk;
mod gradients;
mod greedy;
mod head;
mod layer;
mod ops;
mod space;
mod training;
mod weights;

pub(crate) use greedy::{Prompts, continue_greedily, last_logits};
pub(crate) use head::Top;
pub(super) use training::TrainingAttention;
pub(crate) use weights::LaneWeights;
