//! Reading a model directory in Hugging Face layout; the files are not trusted.

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::weights::{Stored, Weights, is_offset, stays_f32, stored};
use super::{FloatType, ModelConfig, TextTokenizer};
use crate::ModelError;
use crate::run::{Decoder, Model};

/// Where and how to load a model.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Device that holds the weights, see [`DeviceName::open`](crate::DeviceName::open).
    pub device: Device,
    /// What a GPU computes in; the processor computes in f32. Half the width takes half the memory and
    /// a fraction of the time, and rounds away about one answer in a hundred; bfloat16 can't overflow.
    pub precision: FloatType,
    /// Refuse weights with NaN or infinite values; costs one pass over them.
    pub check_finite: bool,
    /// Positions (prompt plus generated tokens) to set up for, at most the model's own limit.
    pub max_context: usize,
    /// Prompts that run in one batch.
    pub max_batch: usize,
    /// Bytes of activations that one batch may take; lowers the batch for long prompts.
    pub activation_budget: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            precision: FloatType::F32,
            check_finite: true,
            max_context: 4096,
            max_batch: 448,
            activation_budget: 1 << 30,
        }
    }
}

/// Headers of real models stay far below this; a larger one is an attempt to exhaust memory.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Largest accepted shard index.
const MAX_INDEX_BYTES: u64 = 64 << 20;

impl Model {
    /// Loads a directory that holds `config.json`, `tokenizer.json` and `model.safetensors` (or
    /// shards with their index), or a `.gguf` file. Weights of any float or quantized type are converted to
    /// `options.precision`.
    ///
    /// # Errors
    /// Any [`ModelError`] about the files: each names the file or tensor and what is wrong with it.
    /// `Parameter` for a precision that the processor does not compute in.
    pub fn load(dir: &Path, options: &LoadOptions) -> Result<Self, ModelError> {
        if options.device.is_cpu() && options.precision != FloatType::F32 {
            return Err(ModelError::Parameter {
                name: "precision",
                value: options.precision.name().to_owned(),
                requirement: "must be float32 on the processor; other types need a GPU",
            });
        }
        if super::gguf::is_gguf(dir) {
            return super::gguf::load(dir, options);
        }
        if !dir.is_dir() {
            return Err(ModelError::NotFound {
                spec: dir.display().to_string(),
                reason: "no such directory; give one that holds config.json, tokenizer.json and \
                         model.safetensors"
                    .to_owned(),
            });
        }
        let config = Arc::new(ModelConfig::read(&dir.join("config.json"))?);
        let tokenizer = TextTokenizer::read(&dir.join("tokenizer.json"), &config)?;
        let weights = read_weights(dir, &config, options)?;
        Self::from_parts(config, tokenizer, weights, options)
    }

    /// Loads a directory, or a Hugging Face Hub id such as `HuggingFaceTB/SmolLM-135M`.
    ///
    /// Hub ids need the cargo feature `hub`; files are kept in the Hub's usual cache.
    ///
    /// # Errors
    /// `NotFound` if it is neither, or the download failed; else as [`Model::load`].
    pub fn load_from(spec: &str, options: &LoadOptions) -> Result<Self, ModelError> {
        let dir = Path::new(spec);
        if dir.is_dir() || dir.is_file() {
            Self::load(dir, options)
        } else {
            load_from_hub(spec, options)
        }
    }

    /// Puts a model together from its parts.
    pub(crate) fn from_parts(
        config: Arc<ModelConfig>,
        tokenizer: TextTokenizer,
        weights: Weights,
        options: &LoadOptions,
    ) -> Result<Self, ModelError> {
        let context = options.max_context.min(config.max_positions).max(1);
        let decoder = Decoder::new(Arc::clone(&config), weights, context, &options.device)?;
        Ok(Self {
            decoder,
            tokenizer,
            max_batch: options.max_batch.max(1),
            activation_budget: options.activation_budget,
            screened: false,
        })
    }
}

/// The directory of a model: `spec` itself, or where the Hub's files are kept after fetching them.
///
/// # Errors
/// `NotFound`; with the feature `hub` also what fetching says.
pub fn resolve(spec: &str) -> Result<std::path::PathBuf, ModelError> {
    let dir = Path::new(spec);
    if dir.is_dir() || super::gguf::is_gguf(dir) {
        return Ok(dir.to_owned());
    }
    #[cfg(feature = "hub")]
    return super::hub::fetch(spec);
    #[cfg(not(feature = "hub"))]
    load_from_hub(spec, &LoadOptions::default()).map(|_| dir.to_owned())
}

#[cfg(feature = "hub")]
fn load_from_hub(spec: &str, options: &LoadOptions) -> Result<Model, ModelError> {
    Model::load(&super::hub::fetch(spec)?, options)
}

#[cfg(not(feature = "hub"))]
fn load_from_hub(spec: &str, _options: &LoadOptions) -> Result<Model, ModelError> {
    Err(ModelError::NotFound {
        spec: spec.to_owned(),
        reason: "no such directory, and Hub ids need a build with the cargo feature `hub`"
            .to_owned(),
    })
}

/// The files that make up a model's weights: the safetensors of a directory, or the one GGUF file.
///
/// # Errors
/// `NotFound` if there are none, `Safetensors` if the index is invalid or names files outside.
pub fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, ModelError> {
    if super::gguf::is_gguf(dir) {
        return Ok(vec![dir.to_owned()]);
    }
    let single = dir.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = dir.join("model.safetensors.index.json");
    if !index.is_file() {
        return Err(ModelError::NotFound {
            spec: dir.display().to_string(),
            reason: "it holds neither model.safetensors nor model.safetensors.index.json"
                .to_owned(),
        });
    }
    let invalid = |reason: String| ModelError::Safetensors { path: index.clone(), reason };
    let size = index.metadata().map_err(ModelError::io(&index))?.len();
    if size > MAX_INDEX_BYTES {
        return Err(invalid(format!("index of {size} bytes, at most {MAX_INDEX_BYTES} accepted")));
    }
    let text = std::fs::read_to_string(&index).map_err(ModelError::io(&index))?;
    let parsed: Value = serde_json::from_str(&text).map_err(|e| invalid(e.to_string()))?;
    let map = parsed.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or_else(|| invalid("`weight_map` is missing".to_owned()))?;
    let mut names = BTreeSet::new();
    for (tensor, file) in map {
        let name = file.as_str().unwrap_or_default();
        let plain = !name.contains(['/', '\\']) && name.ends_with(".safetensors");
        if !plain {
            return Err(invalid(format!(
                "tensor `{tensor}` points to `{file}`, not a file beside it"
            )));
        }
        names.insert(name.to_owned());
    }
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

fn read_weights(
    dir: &Path,
    config: &ModelConfig,
    options: &LoadOptions,
) -> Result<Weights, ModelError> {
    let files = weight_files(dir)?;
    for path in &files {
        check_header_length(path)?;
    }
    let mapped = map_files(&files)?;
    let mut source = |name: &str, shape: &[usize]| -> Result<Tensor, ModelError> {
        let stored = stored(config, name, shape);
        let view = mapped
            .get(&stored.name)
            .map_err(|_| ModelError::MissingTensor { name: stored.name.clone() })?;
        // The shape is checked before anything of that size is allocated.
        let mut expected = shape.to_vec();
        expected[0] = stored.total_rows;
        if view.shape() != expected {
            return Err(ModelError::TensorShape {
                name: stored.name,
                found: view.shape().to_vec(),
                expected,
            });
        }
        let tensor = mapped.load(&stored.name, &options.device)?;
        finish_tensor(tensor, &stored, is_offset(config, name), options)
    };
    Weights::build(config, &mut source)
}

/// Cuts out the parameter, looks for values that are no numbers, and converts it to what is computed in.
pub(super) fn finish_tensor(
    tensor: Tensor,
    stored: &Stored,
    offset: bool,
    options: &LoadOptions,
) -> Result<Tensor, ModelError> {
    let mut tensor = match &stored.rows {
        // The product makes a copy, which does not keep the rest of the stored tensor alive.
        Some(rows) => {
            (tensor.narrow(0, rows.start, rows.len())?.to_dtype(DType::F32)?.contiguous()? * 1.0)?
        }
        None => tensor.to_dtype(DType::F32)?,
    };
    if offset {
        tensor = (tensor + 1.0)?;
    }
    if options.check_finite && !is_finite(&tensor)? {
        return Err(ModelError::NotFinite { name: stored.name.clone() });
    }
    match stays_f32(&stored.name) {
        true => Ok(tensor),
        false => Ok(tensor.to_dtype(options.precision.dtype())?),
    }
}

/// Looks at the first eight bytes only, so that a hostile length allocates nothing.
fn check_header_length(path: &Path) -> Result<(), ModelError> {
    let invalid = |reason: String| ModelError::Safetensors { path: path.to_owned(), reason };
    let mut file = File::open(path).map_err(ModelError::io(path))?;
    let size = file.metadata().map_err(ModelError::io(path))?.len();
    let mut bytes = [0_u8; 8];
    file.read_exact(&mut bytes)
        .map_err(|_| invalid(format!("{size} bytes are too few for a safetensors file")))?;
    let header = u64::from_le_bytes(bytes);
    if header > MAX_HEADER_BYTES {
        return Err(invalid(format!(
            "claims a header of {header} bytes, at most {MAX_HEADER_BYTES} accepted"
        )));
    }
    if header > size.saturating_sub(8) {
        return Err(invalid(format!("claims a header of {header} bytes but has {size} in all")));
    }
    Ok(())
}

fn map_files(files: &[PathBuf]) -> Result<MmapedSafetensors, ModelError> {
    #[expect(unsafe_code, reason = "mapping files is the only way not to hold the weights twice")]
    // SAFETY: the mapping is read once, below, and dropped; the directory belongs to the caller,
    // who must not change it meanwhile (the documented contract of memory-mapped files).
    let mapped = unsafe { MmapedSafetensors::multi(files) };
    mapped.map_err(|e| ModelError::Safetensors {
        path: files.first().cloned().unwrap_or_default(),
        reason: format!("not a valid safetensors file: {e}"),
    })
}

/// Whether all values are finite. A sum of zeros times values is NaN exactly if one is not.
fn is_finite(tensor: &Tensor) -> Result<bool, ModelError> {
    let poisoned = (tensor * 0.0)?.sum_all()?.to_scalar::<f32>()?;
    Ok(poisoned == 0.0)
}
