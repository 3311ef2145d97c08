//! Reads a model from a directory or a file, whichever format it is in.

use std::path::Path;
use std::sync::Arc;

use super::config::ModelConfig;
use super::files::{is_gguf, refuse_pointers};
use super::float_type::FloatType;
use super::gguf;
use super::options::LoadOptions;
use super::parts::ModelParts;
use super::safetensors::Shards;
use super::tokenizer::TextTokenizer;
use crate::ModelError;

/// Reads a directory in Hugging Face layout, or a GGUF file.
///
/// # Errors
/// Any [`ModelError`] about the files; `Parameter` for a precision that the processor does not
/// compute in.
pub(crate) fn read(path: &Path, options: &LoadOptions) -> Result<ModelParts, ModelError> {
    if options.device.is_cpu() && options.precision != FloatType::F32 {
        return Err(ModelError::Parameter {
            name: "precision",
            value: options.precision.name().to_owned(),
            requirement: "must be float32 on the processor; other types need a GPU",
        });
    }
    if path.exists() {
        refuse_pointers(path)?;
    }
    if is_gguf(path) {
        return gguf::load(path, options);
    }
    if !path.is_dir() {
        let what = "no such directory; give one that holds config.json, tokenizer.json and \
                    model.safetensors";
        return Err(ModelError::not_found(path.display().to_string(), what));
    }
    let config = ModelConfig::read(&path.join("config.json"))?;
    let shards = Shards::open(path)?;
    let config = Arc::new(if shards.head_differs(&config)? { config.untied() } else { config });
    let tokenizer = TextTokenizer::read(&path.join("tokenizer.json"), &config)?;
    let weights = shards.weights(&config, options)?;
    Ok(ModelParts { config, tokenizer, weights })
}
