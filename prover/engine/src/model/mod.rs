//! What a model is: its files, configuration, weights and tokenizer.

pub(crate) mod chat;
pub(crate) mod config;
pub(crate) mod device;
pub(crate) mod files;
pub(crate) mod float_type;
mod gguf;
#[cfg(feature = "hub")]
mod hub;
pub(crate) mod lenient;
pub(crate) mod options;
pub(crate) mod parts;
pub(crate) mod prompt;
pub(crate) mod read;
pub(crate) mod rope;
mod safetensors;
pub(crate) mod save;
pub(crate) mod saved_type;
pub(crate) mod special_tokens;
pub(crate) mod stored;
pub(crate) mod tokenizer;
mod tokenizer_config;
pub(crate) mod weights;

pub(crate) use config::{Activation, ModelConfig};
pub(crate) use weights::Weights;
