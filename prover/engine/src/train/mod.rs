//! Training a model: gradients, the optimizer, adapters, and making a small model from nothing.

pub(crate) mod corpus;
mod descent;
mod in_place;
pub(crate) mod lora;
pub(crate) mod parameter;
pub(crate) mod pretrain;
pub(crate) mod trainer;
