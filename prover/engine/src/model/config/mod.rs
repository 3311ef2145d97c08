//! The Hugging Face `config.json` of the decoder families implemented here.

mod defaults;
mod family;
mod fields;
mod model_config;
mod scaling;

pub use family::{Activation, Architecture, RopeScaling};
pub use model_config::ModelConfig;
