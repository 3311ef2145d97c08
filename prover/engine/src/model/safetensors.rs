//! Reading the weights of a directory in Hugging Face layout; the files are not trusted.

use candle_core::Tensor;
use candle_core::safetensors::MmapedSafetensors;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::config::ModelConfig;
use super::files::weight_files;
use super::options::LoadOptions;
use super::stored::{finish_tensor, stored, warn_of_unused};
use super::weights::Weights;
use crate::ModelError;

/// What the names of a decoder's parameters start with, and two of these parameters.
const PREFIX: &str = "model.";
const EMBEDDINGS: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

/// Headers of real models stay far below this; a larger one is an attempt to exhaust memory.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// The tensors of a directory, mapped into memory.
pub(crate) struct Shards {
    mapped: MmapedSafetensors,
    names: BTreeSet<String>,
    /// Whether names lack the `model.` that a decoder has as part of a language model.
    bare: bool,
}

impl Shards {
    /// Opens the weights of a directory.
    ///
    /// # Errors
    /// `NotFound`, `Io`, or `Safetensors` about a file that is none.
    pub(crate) fn open(dir: &Path) -> Result<Self, ModelError> {
        let files = weight_files(dir)?;
        for path in &files {
            check_header_length(path)?;
        }
        let mapped = map_files(&files)?;
        let mut names = BTreeSet::new();
        for (name, _) in mapped.tensors() {
            if !names.insert(name.clone()) {
                tracing::warn!("tensor `{name}` is in more than one shard; the last one is used");
            }
        }
        let bare = !names.iter().any(|name| name.starts_with(PREFIX));
        Ok(Self { mapped, names, bare })
    }

    /// The name that the files give to a tensor.
    fn name<'a>(&self, name: &'a str) -> &'a str {
        if self.bare { name.strip_prefix(PREFIX).unwrap_or(name) } else { name }
    }

    /// Whether the files hold an output layer that differs from the embedding matrix that the
    /// configuration puts in its place. Version 5 of transformers then uses what is stored, earlier
    /// ones the embeddings.
    ///
    /// # Errors
    /// `Tensor` if a tensor can't be read.
    pub(crate) fn head_differs(&self, config: &ModelConfig) -> Result<bool, ModelError> {
        let embeddings = self.name(EMBEDDINGS);
        if !config.tied_embeddings || ![HEAD, embeddings].iter().all(|n| self.names.contains(*n)) {
            return Ok(false);
        }
        let (head, embeddings) = (self.mapped.get(HEAD)?, self.mapped.get(embeddings)?);
        let same = head.dtype() == embeddings.dtype()
            && head.shape() == embeddings.shape()
            && head.data() == embeddings.data();
        if !same {
            tracing::warn!(
                "config.json says that the output layer is the embedding matrix \
                 (tie_word_embeddings), but the files hold another `{HEAD}`, which is used; \
                 transformers before version 5 ignore it"
            );
        }
        Ok(!same)
    }

    /// Reads the parameters that the configuration implies; what else the files hold is named in a
    /// warning.
    ///
    /// # Errors
    /// `MissingTensor`, `TensorShape`, `NotFinite`, `Tensor`.
    pub(crate) fn weights(
        &self,
        config: &ModelConfig,
        options: &LoadOptions,
    ) -> Result<Weights, ModelError> {
        let mut unused = self.names.clone();
        let mut source = |name: &str, shape: &[usize]| -> Result<Tensor, ModelError> {
            let stored = stored(config, name, shape);
            let found = self.name(&stored.name);
            unused.remove(found);
            let view = self
                .mapped
                .get(found)
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
            let tensor = self.mapped.load(found, &options.device)?;
            finish_tensor(tensor, &stored, options)
        };
        let weights = Weights::build(config, &mut source)?;
        if config.tied_embeddings {
            unused.remove(HEAD);
        }
        warn_of_unused(&unused);
        Ok(weights)
    }
}

/// Looks at the first eight bytes only, so that a hostile length allocates nothing.
fn check_header_length(path: &Path) -> Result<(), ModelError> {
    let invalid = |what: String| ModelError::safetensors(path, what);
    let mut file = File::open(path).map_err(ModelError::io(path))?;
    let size = file.metadata().map_err(ModelError::io(path))?.len();
    let mut bytes = [0_u8; 8];
    file.read_exact(&mut bytes).map_err(|e| {
        invalid(format!("{size} bytes are too few for a safetensors file")).because(e)
    })?;
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
    mapped.map_err(|e| {
        let first = files.first().cloned().unwrap_or_default();
        ModelError::safetensors(first, format!("not a valid safetensors file: {e}")).because(e)
    })
}
