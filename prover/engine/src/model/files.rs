//! Which files a model consists of, and where they are.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::ModelError;

/// Largest accepted shard index.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// How the files start that git-lfs leaves in place of those that it did not fetch.
const POINTER: &[u8] = b"version https://git-lfs.";

/// What is read of a directory besides its weights.
const DESCRIPTIONS: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
];

/// Refuses a model of which a file was not fetched and is only a pointer to its content.
///
/// # Errors
/// `Pointer`, or what finding the weights says.
pub(crate) fn refuse_pointers(path: &Path) -> Result<(), ModelError> {
    let dir = if is_gguf(path) { path.parent().unwrap_or(Path::new("")) } else { path };
    // The index of shards goes first: it is read to know the shards.
    let described = DESCRIPTIONS.iter().map(|name| dir.join(name));
    let is_pointer = |path: &Path| {
        let mut start = [0; POINTER.len()];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
        read.is_ok() && start == POINTER
    };
    let refuse = |path: PathBuf| match path.is_file() && is_pointer(&path) {
        true => Err(ModelError::Pointer { path }),
        false => Ok(()),
    };
    described.map(refuse).collect::<Result<Vec<()>, _>>()?;
    weight_files(path)?.into_iter().try_for_each(refuse)
}

/// Whether the path is a file that calls itself GGUF.
pub(crate) fn is_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf")) && path.is_file()
}

/// The directory or file of a model: `spec` itself, or where the Hub's files are kept after
/// fetching them.
///
/// # Errors
/// `NotFound`; with the feature `hub` also what fetching says.
pub fn resolve(spec: &str) -> Result<PathBuf, ModelError> {
    let path = Path::new(spec);
    if path.is_dir() || is_gguf(path) {
        return Ok(path.to_owned());
    }
    fetch(spec)
}

#[cfg(feature = "hub")]
fn fetch(spec: &str) -> Result<PathBuf, ModelError> {
    super::hub::fetch(spec)
}

#[cfg(not(feature = "hub"))]
fn fetch(spec: &str) -> Result<PathBuf, ModelError> {
    let what = "no such directory, and Hub ids need a build with the cargo feature `hub`";
    Err(ModelError::not_found(spec, what))
}

/// The files that make up a model's weights: the safetensors of a directory, or the one GGUF file.
///
/// # Errors
/// `NotFound` if there are none, `Safetensors` if the index is invalid or names files outside.
pub fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, ModelError> {
    if is_gguf(dir) {
        return Ok(vec![dir.to_owned()]);
    }
    let single = dir.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = dir.join("model.safetensors.index.json");
    if !index.is_file() {
        let what = "it holds neither model.safetensors nor model.safetensors.index.json";
        return Err(ModelError::not_found(dir.display().to_string(), what));
    }
    let invalid = |what: String| ModelError::safetensors(index.as_path(), what);
    let size = index.metadata().map_err(ModelError::io(&index))?.len();
    if size > MAX_INDEX_BYTES {
        return Err(invalid(format!("index of {size} bytes, at most {MAX_INDEX_BYTES} accepted")));
    }
    let text = std::fs::read_to_string(&index).map_err(ModelError::io(&index))?;
    let parsed: Value =
        serde_json::from_str(&text).map_err(|e| invalid(e.to_string()).because(e))?;
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
