//! Reads a GGUF file: its configuration, its weights dequantized, and the tokenizer that goes with
//! it.

use candle_core::Tensor;
use candle_core::quantized::ggml_file::qtensor_from_ggml;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::fields::Fields;
use super::header::{self, Header, TensorInfo};
use super::vocabulary::Vocabulary;
use super::{config, names, tokenizer};
use crate::ModelError;
use crate::model::chat::ChatTemplate;
use crate::model::config::ModelConfig;
use crate::model::options::LoadOptions;
use crate::model::parts::ModelParts;
use crate::model::special_tokens::SpecialTokens;
use crate::model::stored::{Stored, finish_tensor, warn_of_unused};
use crate::model::tokenizer::TextTokenizer;
use crate::model::weights::Weights;

/// Loads a GGUF file and the tokenizer beside it.
pub(crate) fn load(path: &Path, options: &LoadOptions) -> Result<ModelParts, ModelError> {
    let mut file = File::open(path).map_err(ModelError::io(path))?;
    let header = header::read(&mut file, path)?;
    let config = Arc::new(config::read(&header, path, &mut file)?);
    let fields = Fields { header: &header, path };
    let tokenizer = read_tokenizer(&fields, &config)?;
    let mut reader = Reader { file, header: &header, path, options };
    let mut unused: BTreeSet<String> = header.tensors.keys().cloned().collect();
    let weights = Weights::build(&config, &mut |name, shape| {
        unused.remove(&names::stored(&config, name, shape).name);
        reader.parameter(&config, name, shape)
    })?;
    unused.retain(|name| !name.starts_with("rope_f"));
    warn_of_unused(&unused);
    Ok(ModelParts { config, tokenizer, weights })
}

/// The tokenizer beside the file, with the chat template there, if there is one of its size; else
/// the file's own. The file's own template serves where there is no other.
fn read_tokenizer(fields: &Fields<'_>, config: &ModelConfig) -> Result<TextTokenizer, ModelError> {
    let vocabulary = Vocabulary::read(fields, config.vocab_size)?;
    let beside = fields.path.with_file_name("tokenizer.json");
    let tokenizer = match (vocabulary, beside.is_file()) {
        (None, false) => {
            let what = "it holds no vocabulary (`tokenizer.ggml.tokens`), and there is no \
                        tokenizer.json beside it; copy the one of the base model there";
            return Err(ModelError::not_found(fields.path.display().to_string(), what));
        }
        (None, true) => TextTokenizer::read(&beside, config)?,
        (Some(own), true) => match TextTokenizer::read(&beside, config) {
            Ok(tokenizer) if own.fits(tokenizer.highest()) => tokenizer,
            other => {
                let why = other.map_or_else(
                    |error| error.to_string(),
                    |given| format!("its ids end at {}", given.highest()),
                );
                tracing::warn!(
                    "{} is of another vocabulary than {}, whose own tokenizer is used: {why}",
                    beside.display(),
                    fields.path.display()
                );
                own_tokenizer(fields, &own, config)?
            }
        },
        (Some(own), false) => own_tokenizer(fields, &own, config)?,
    };
    if tokenizer.chat().is_some() {
        return Ok(tokenizer);
    }
    let Some(source) = fields.optional_text("tokenizer.chat_template")? else {
        return Ok(tokenizer);
    };
    let text = |id: Option<&u32>| id.and_then(|id| tokenizer.token(*id));
    let tokens = SpecialTokens {
        bos: text(config.bos.as_ref()),
        eos: text(config.eos.first()),
        ..SpecialTokens::default()
    };
    Ok(tokenizer.with_chat(ChatTemplate::new(source, tokens)?))
}

/// The file's own tokenizer.
fn own_tokenizer(
    fields: &Fields<'_>,
    vocabulary: &Vocabulary,
    config: &ModelConfig,
) -> Result<TextTokenizer, ModelError> {
    let inner = tokenizer::build(fields, vocabulary)?;
    Ok(TextTokenizer::new(inner, config)?.with_origin("the GGUF file"))
}

struct Reader<'a> {
    file: File,
    header: &'a Header,
    path: &'a Path,
    options: &'a LoadOptions,
}

impl Reader<'_> {
    /// One parameter under its Hugging Face name and shape.
    fn parameter(
        &mut self,
        config: &ModelConfig,
        name: &str,
        shape: &[usize],
    ) -> Result<Tensor, ModelError> {
        let stored = names::stored(config, name, shape);
        let info = self
            .header
            .tensors
            .get(&stored.name)
            .ok_or_else(|| ModelError::MissingTensor { name: stored.name.clone() })?;
        let mut expected = shape.to_vec();
        expected[0] = stored.total_rows;
        if info.shape != expected {
            return Err(ModelError::TensorShape {
                name: stored.name,
                found: info.shape.clone(),
                expected,
            });
        }
        let tensor = self.read(&stored, info)?;
        let tensor = finish_tensor(tensor, &stored, self.options)?;
        match names::rotated_heads(config, name) {
            Some(heads) => restore_halves(&tensor, heads).map_err(ModelError::from),
            None => Ok(tensor),
        }
    }

    fn read(&mut self, stored: &Stored, info: &TensorInfo) -> Result<Tensor, ModelError> {
        let mut bytes = vec![0_u8; info.bytes];
        let start = SeekFrom::Start(self.header.data_start + info.offset);
        self.file.seek(start).map_err(ModelError::io(self.path))?;
        self.file.read_exact(&mut bytes).map_err(|e| {
            let what = format!("tensor `{}` is cut off: {e}", stored.name);
            ModelError::gguf(self.path, what).because(e)
        })?;
        let device = &self.options.device;
        let quantized = qtensor_from_ggml(info.kind, &bytes, info.shape.clone(), device)?;
        Ok(quantized.dequantize(device)?)
    }
}

/// Undoes the interleaving of rotated dimensions, `[heads, d/2, 2, in]` to `[heads, 2, d/2, in]`.
fn restore_halves(tensor: &Tensor, heads: usize) -> candle_core::Result<Tensor> {
    let shape = tensor.dims().to_vec();
    let (half, rest) = (shape[0] / heads / 2, shape[1..].iter().product::<usize>());
    tensor.reshape((heads, half, 2, rest))?.transpose(1, 2)?.contiguous()?.reshape(shape)
}
