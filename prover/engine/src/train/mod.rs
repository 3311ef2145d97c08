//! Training a model: gradients, the optimizer, adapters, and making a small model from nothing.

pub(crate) mod corpus;
mod in_place;
pub(crate) mod lora;
pub(crate) mod pretrain;
pub(crate) mod trainer;

pub(crate) use trainer::{AdamW, Example, Trainer};
