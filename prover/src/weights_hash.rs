//! A hash that identifies a model's weights on disk.
//!
//! `keccak256( "oml-weights-v1" ‖ for each file in order: u32be(name length) ‖ name ‖ u64be(file
//! length) ‖ bytes )`. Files are `config.json` followed by every `*.safetensors` that makes up the
//! weights, by name; or the one `*.gguf`. Lengths make the encoding injective; the tokenizer is
//! left out because it is no part of the weights.

use oml_contracts::ContentHash;
use sha3::{Digest, Keccak256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use oml_engine::{ModelError, weight_files};

const DOMAIN: &[u8] = b"oml-weights-v1";

/// Hash of the model in a directory, or of a GGUF file, which is weights and configuration in one
/// and stands alone; reads the files in a stream.
///
/// # Errors
/// `Io` if a file cannot be read, `Safetensors` if the list of shards is invalid.
pub fn weights_hash(dir: &Path) -> Result<ContentHash, ModelError> {
    let mut hasher = Keccak256::new();
    hasher.update(DOMAIN);
    let mut files = weight_files(dir)?;
    if dir.is_dir() {
        files.sort();
        files.insert(0, dir.join("config.json"));
    }
    let mut buffer = vec![0_u8; 1 << 20];
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unreadable = |source| ModelError::Io { path: path.clone(), source };
        let mut file = File::open(&path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        hasher.update(u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(name.as_bytes());
        hasher.update(length.to_be_bytes());
        loop {
            let read = file.read(&mut buffer).map_err(unreadable)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
    }
    Ok(ContentHash::new(hasher.finalize().into()))
}
