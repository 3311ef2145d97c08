//! Reading the weights of a directory in Hugging Face layout; the files are not trusted.

use candle_core::Tensor;
use candle_core::safetensors::MmapedSafetensors;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::config::ModelConfig;
use super::files::weight_files;
use super::options::LoadOptions;
use super::stored::{finish_tensor, stored};
use super::weights::Weights;
use crate::ModelError;

/// Headers of real models stay far below this; a larger one is an attempt to exhaust memory.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Reads the parameters that the configuration implies.
pub(crate) fn read_weights(
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
        finish_tensor(tensor, &stored, options)
    };
    Weights::build(config, &mut source)
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
