//! The hash that identifies the weights of a model on disk.

use oml_engine::{FloatType, LoadOptions, Model};
use oml_prover::weights_hash;
use tempfile::TempDir;

use crate::models::{tiny, tiny_dir};

/// A copy of the repository's model that a test may change.
fn copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny_dir().join(file), dir.path().join(file)).unwrap();
    }
    dir
}

#[test]
fn saving_again_keeps_the_hash_and_another_float_type_changes_it() {
    let dir = tempfile::tempdir().unwrap();
    tiny().save(dir.path()).unwrap();
    let hash = weights_hash(dir.path()).unwrap();
    Model::load(dir.path(), &LoadOptions::default()).unwrap().save(dir.path()).unwrap();
    assert_eq!(weights_hash(dir.path()).unwrap(), hash);
    assert_ne!(weights_hash(&tiny_dir()).unwrap(), hash, "f16 and f32 files differ");
    tiny().save_as(dir.path(), FloatType::F16).unwrap();
    assert_ne!(weights_hash(dir.path()).unwrap(), hash);
}

#[test]
fn the_hash_sees_every_byte_of_weights_and_configuration() {
    let dir = copy();
    let hash = weights_hash(dir.path()).unwrap();
    assert_eq!(weights_hash(&tiny_dir()).unwrap(), hash);
    for file in ["model.safetensors", "config.json"] {
        let dir = copy();
        let path = dir.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_ne!(weights_hash(dir.path()).unwrap(), hash, "{file}");
    }
    assert!(weights_hash(&dir.path().join("nowhere")).is_err());
}

#[test]
fn a_lone_gguf_file_is_hashed_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, b"GGUF").unwrap();
    let hash = weights_hash(&path).unwrap();
    assert_eq!(weights_hash(&path).unwrap(), hash);
    std::fs::write(&path, b"GGUf").unwrap();
    assert_ne!(weights_hash(&path).unwrap(), hash);
}
