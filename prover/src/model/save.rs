//! Writing a model in Hugging Face layout.

use candle_core::DType;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

use super::{Model, ModelError};

impl Model {
    /// Writes `config.json`, `tokenizer.json` and `model.safetensors` (f32) into a directory,
    /// creating it if needed. Each file appears under its name only once it is complete.
    ///
    /// # Errors
    /// `Io` or `Tensor` if a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), ModelError> {
        self.save_as(dir, DType::F32)
    }

    /// Like [`Model::save`] with another float type for the weights.
    pub(crate) fn save_as(&self, dir: &Path, dtype: DType) -> Result<(), ModelError> {
        std::fs::create_dir_all(dir).map_err(ModelError::io(dir))?;
        let mut tensors = HashMap::new();
        for (name, tensor) in self.decoder.weights.named() {
            tensors.insert(name.as_str(), tensor.to_dtype(dtype)?);
        }
        let weights = dir.join("model.safetensors");
        replace(&weights, |partial| Ok(candle_core::safetensors::save(&tensors, partial)?))?;
        replace(&dir.join("tokenizer.json"), |partial| self.tokenizer.save(partial))?;
        let mut config = self.config().raw.clone();
        config.remove("dtype");
        config.insert(
            "torch_dtype".to_owned(),
            json!(if dtype == DType::F16 { "float16" } else { "float32" }),
        );
        let text = format!("{:#}\n", Value::Object(config));
        replace(&dir.join("config.json"), |partial| {
            std::fs::write(partial, &text).map_err(ModelError::io(partial))
        })
    }
}

/// Writes through a temporary file beside the target, so that a crash leaves the old one.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let partial = path.with_extension("partial");
    write(&partial)?;
    std::fs::rename(&partial, path).map_err(ModelError::io(path))
}
