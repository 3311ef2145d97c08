//! Activations row by row: a token per row, whatever sequence it belongs to.

mod asking;
mod attention;
mod block;
mod inference;
mod layer;
mod loss;
mod ops;
mod parallel;

pub(super) use asking::Asking;
pub(super) use attention::{RowAttention, RowScratch};
pub(super) use block::{Block, SharedRows};
pub(super) use inference::{CHUNK_TOKENS, parallelism};
pub(crate) use inference::{last_logits, next_token_logits, next_tokens};
pub(super) use layer::SavedLayer;
pub(super) use loss::{cross_entropy_backward, soft_cross_entropy_backward};
pub(crate) use loss::{losses, softmax};
pub(super) use ops::{Norm, soft_cap};
pub(super) use parallel::{Turn, gated_backward, rms_norm, rms_norm_backward, rotate};
