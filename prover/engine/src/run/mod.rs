//! Running a model: logits, answers, texts, and measures of how well it does.

pub(crate) mod batching;
pub(crate) mod decoder;
pub(crate) mod generate;
mod greedy;
pub(crate) mod model;
pub(crate) mod multiple_choice;
pub(crate) mod perplexity;
pub(crate) mod screen;
pub(crate) mod tensor_forward;
pub(crate) mod tensor_ops;
pub(crate) mod token_scores;

pub(crate) use batching::run_batches;
pub(crate) use decoder::{Cache, Decoder};
pub(crate) use model::Model;
