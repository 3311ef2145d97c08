//! What a model is: its files, configuration, weights and tokenizer.

pub(crate) mod chat;
pub(crate) mod config;
pub(crate) mod device;
pub(crate) mod gguf;
#[cfg(feature = "hub")]
mod hub;
pub(crate) mod loading;
pub(crate) mod prompt;
pub(crate) mod rope;
pub(crate) mod save;
pub(crate) mod tokenizer;
pub(crate) mod weights;

pub(crate) use chat::ChatTemplate;
pub(crate) use config::{Activation, Architecture, ModelConfig, RopeScaling};
pub(crate) use loading::LoadOptions;
pub(crate) use prompt::{Message, Prompt};
pub(crate) use save::FloatType;
pub(crate) use tokenizer::TextTokenizer;
pub(crate) use weights::Weights;
