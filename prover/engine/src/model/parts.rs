//! What a model's files hold, read but not yet set up to run.

use std::sync::Arc;

use super::config::ModelConfig;
use super::tokenizer::TextTokenizer;
use super::weights::Weights;

/// The parts of a model.
pub(crate) struct ModelParts {
    pub(crate) config: Arc<ModelConfig>,
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) weights: Weights,
}
