//! Fetching a model from the Hugging Face Hub into its usual cache.

use hf_hub::{HFClientSync, split_id};
use std::path::PathBuf;

use crate::ModelError;

/// Everything that loading reads; other formats of the same weights stay where they are.
const FILES: [&str; 8] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "*.safetensors",
    "model.safetensors.index.json",
];

/// Downloads what is missing of a model and returns its directory in the cache.
///
/// # Errors
/// `NotFound` with what the Hub or the network said.
pub(crate) fn fetch(id: &str) -> Result<PathBuf, ModelError> {
    let failed = |e: hf_hub::HFError| {
        let what = format!("no such directory, and the Hugging Face Hub answered: {e}");
        ModelError::not_found(id, what).because(e)
    };
    let client = HFClientSync::new().map_err(failed)?;
    let (owner, name) = split_id(id);
    let patterns = FILES.map(str::to_owned).to_vec();
    client.model(owner, name).snapshot_download().allow_patterns(patterns).send().map_err(failed)
}
