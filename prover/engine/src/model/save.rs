//! Writing a model in Hugging Face layout.

use candle_core::{DType, Tensor};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::config::ModelConfig;
use super::float_type::FloatType;
use super::stored::{Stored, stored};
use super::tokenizer::TextTokenizer;
use super::weights::Weights;
use crate::ModelError;

/// What is written.
pub(crate) struct Saved<'a> {
    pub(crate) config: &'a ModelConfig,
    pub(crate) tokenizer: &'a TextTokenizer,
    pub(crate) weights: &'a Weights,
}

impl Saved<'_> {
    /// Writes the files into a directory, which is made if needed.
    ///
    /// # Errors
    /// `Io` or `Tensor` if a file cannot be written.
    pub(crate) fn write(&self, dir: &Path, float: FloatType) -> Result<(), ModelError> {
        let dtype = float.dtype();
        std::fs::create_dir_all(dir).map_err(ModelError::io(dir))?;
        let tensors = self.stored_tensors(dtype)?;
        let weights = dir.join("model.safetensors");
        replace(&weights, |partial| Ok(candle_core::safetensors::save(&tensors, partial)?))?;
        replace(&dir.join("tokenizer.json"), |partial| self.tokenizer.save(partial))?;
        self.save_chat(dir)?;
        let mut config = self.config.raw.clone();
        config.remove("dtype");
        config.insert("torch_dtype".to_owned(), json!(float.name()));
        let text = format!("{:#}\n", Value::Object(config));
        replace(&dir.join("config.json"), |partial| {
            std::fs::write(partial, &text).map_err(ModelError::io(partial))
        })
    }

    /// A copy is asked as its base was, so the chat template and the control tokens go with it. The
    /// class leaves to tokenizer.json what stands around a text.
    fn save_chat(&self, dir: &Path) -> Result<(), ModelError> {
        let Some(tokens) = self.tokenizer.described() else { return Ok(()) };
        let mut config = tokens.others.clone();
        config.insert("bos_token".to_owned(), json!(tokens.bos));
        config.insert("eos_token".to_owned(), json!(tokens.eos));
        config.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
        // Else transformers adds types of tokens, which decoders do not take.
        let inputs = json!(["input_ids", "attention_mask"]);
        config.insert("model_input_names".to_owned(), inputs);
        let write = |name: &str, text: &str| {
            replace(&dir.join(name), |partial| {
                std::fs::write(partial, text).map_err(ModelError::io(partial))
            })
        };
        if let Some(template) = self.tokenizer.chat() {
            write("chat_template.jinja", template.source())?;
        }
        write("tokenizer_config.json", &format!("{:#}\n", Value::Object(config)))
    }

    /// Every tensor under its name and in the layout of the family's files.
    fn stored_tensors(&self, dtype: DType) -> Result<HashMap<String, Tensor>, ModelError> {
        let config = self.config;
        let mut parts: BTreeMap<String, Vec<(usize, Tensor)>> = BTreeMap::new();
        for (name, tensor) in self.weights.named() {
            let Stored { name, rows, less_one, .. } = stored(config, name, tensor.dims());
            let tensor = if less_one { (tensor - 1.0)? } else { tensor.clone() };
            let start = rows.map_or(0, |rows| rows.start);
            parts.entry(name).or_default().push((start, tensor.to_dtype(dtype)?));
        }
        let join = |(name, mut parts): (String, Vec<(usize, Tensor)>)| {
            parts.sort_by_key(|(start, _)| *start);
            let parts: Vec<Tensor> = parts.into_iter().map(|(_, tensor)| tensor).collect();
            Ok((name, Tensor::cat(&parts, 0)?))
        };
        parts.into_iter().map(join).collect()
    }
}

/// Writes through a temporary file beside the target, so that a crash leaves the old one.
///
/// # Errors
/// What `write` says; `Io` if the finished file cannot take the place of the old one.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let partial = path.with_extension("partial");
    write(&partial)?;
    std::fs::rename(&partial, path).map_err(ModelError::io(path))
}
