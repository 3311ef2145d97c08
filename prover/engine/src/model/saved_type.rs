//! In which float type a model's files are, and weights as they come out of such files.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::config::ModelConfig;
use super::files::{is_gguf, weight_files};
use super::float_type::FloatType;
use super::stored::stored;
use super::weights::Weights;
use crate::ModelError;

/// Largest accepted header of a safetensors file.
const MAX_HEADER_BYTES: u64 = 100 << 20;

/// The float type in which most of a model's values are stored; `None` for a GGUF file and for
/// types that are not written here, such as eight bits.
///
/// # Errors
/// `NotFound`, `Io`, `Safetensors`.
pub fn stored_float(path: &Path) -> Result<Option<FloatType>, ModelError> {
    if is_gguf(path) {
        return Ok(None);
    }
    let mut values: BTreeMap<String, u64> = BTreeMap::new();
    for file in weight_files(path)? {
        let header = header(&file)?;
        for (name, tensor) in header.as_object().into_iter().flatten() {
            let Some(kind) = tensor.get("dtype").and_then(Value::as_str) else { continue };
            // What old tools left in the files is no weight.
            if name.ends_with("rotary_emb.inv_freq") {
                continue;
            }
            let shape = tensor.get("shape").and_then(Value::as_array);
            let sizes = shape.into_iter().flatten().filter_map(Value::as_u64);
            let count = sizes.fold(1_u64, u64::saturating_mul);
            let sum = values.entry(kind.to_owned()).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let most = values.iter().max_by_key(|(_, count)| **count);
    Ok(most.and_then(|(kind, _)| match kind.as_str() {
        "F32" => Some(FloatType::F32),
        "F16" => Some(FloatType::F16),
        "BF16" => Some(FloatType::BF16),
        _ => None,
    }))
}

/// The JSON header of a safetensors file.
fn header(path: &Path) -> Result<Value, ModelError> {
    let mut file = std::fs::File::open(path).map_err(ModelError::io(path))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(ModelError::io(path))?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES {
        let what = format!("header of {length} bytes, at most {MAX_HEADER_BYTES} accepted");
        return Err(ModelError::safetensors(path, what));
    }
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(ModelError::io(path))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| ModelError::safetensors(path, format!("no valid header: {e}")).because(e))
}

impl Weights {
    /// These weights as they are read again after being saved in a float type.
    pub(crate) fn rounded(
        &self,
        config: &ModelConfig,
        float: FloatType,
    ) -> Result<Self, ModelError> {
        let mut rounded = Vec::with_capacity(self.named().len());
        for (name, tensor) in self.named() {
            let kept = tensor.dtype();
            let less_one = stored(config, name, tensor.dims()).less_one;
            let held = if less_one { (tensor - 1.0)? } else { tensor.clone() };
            let held = held.to_dtype(float.dtype())?.to_dtype(kept)?;
            rounded.push(if less_one { (held + 1.0)? } else { held });
        }
        let mut rounded = rounded.into_iter();
        let missing = |name: &str| ModelError::MissingTensor { name: name.to_owned() };
        Self::build(config, &mut |name, _| rounded.next().ok_or_else(|| missing(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, Model};

    #[test]
    fn the_type_of_files_is_found_and_rounding_is_what_saving_does() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/models/tiny");
        let model = Model::load(&tiny, &LoadOptions::default()).unwrap();
        for float in [FloatType::F32, FloatType::F16, FloatType::BF16] {
            let dir = tempfile::tempdir().unwrap();
            model.save_as(dir.path(), float).unwrap();
            assert_eq!(stored_float(dir.path()).unwrap(), Some(float));
            let saved = Model::load(dir.path(), &LoadOptions::default()).unwrap();
            let rounded = model.rounded(float).unwrap();
            for (a, b) in saved.weights().values().zip(rounded.weights().values()) {
                assert_eq!(a.unwrap(), b.unwrap(), "{float:?}");
            }
        }
        let empty = tempfile::tempdir().unwrap();
        assert!(stored_float(empty.path()).is_err());
        std::fs::write(empty.path().join("model.safetensors"), [255; 16]).unwrap();
        let said = stored_float(empty.path()).unwrap_err().to_string();
        assert!(said.contains("header"), "{said}");
    }
}
