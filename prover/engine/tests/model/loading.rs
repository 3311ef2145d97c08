//! Files that are damaged, hostile or of another model are refused with a reason.

use std::path::Path;

use oml_engine::{LoadOptions, Model, ModelError};
use tempfile::TempDir;

use crate::models::{prompts, tiny, tiny_dir};

const FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// A copy of the repository's model that a test may damage.
fn copy() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES {
        std::fs::copy(tiny_dir().join(file), dir.path().join(file)).unwrap();
    }
    dir
}

fn refusal(dir: &Path) -> ModelError {
    Model::load(dir, &LoadOptions::default()).expect_err("a damaged model must not load")
}

/// Replaces the first occurrence in a text file.
fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {}", path.display());
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn saving_and_loading_changes_nothing() {
    let model = tiny();
    let dir = tempfile::tempdir().unwrap();
    model.save(dir.path()).unwrap();
    let again = Model::load(dir.path(), &LoadOptions::default()).unwrap();
    let prompts = prompts(&model);
    assert_eq!(again.last_logits(&prompts).unwrap(), model.last_logits(&prompts).unwrap());
    let files = ["config.json", "model.safetensors"].map(|file| dir.path().join(file));
    let bytes = || files.clone().map(|file| std::fs::read(file).unwrap());
    let saved = bytes();
    again.save(dir.path()).unwrap();
    assert!(bytes() == saved, "a saved model is saved the same again");
}

#[test]
fn damaged_weights_are_refused() {
    let dir = copy();
    let path = dir.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut huge = bytes.clone();
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut beyond = bytes.clone();
    beyond[..8].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    let mut garbled = bytes.clone();
    garbled[9] = 0xff;
    let cases: [(&str, &[u8]); 6] = [
        ("empty", &[]),
        ("cut inside the header", &bytes[..length / 2]),
        ("cut inside the values", &bytes[..bytes.len() - 10]),
        ("header length of 2^64 - 1", &huge),
        ("header longer than the file", &beyond),
        ("header that is no JSON", &garbled),
    ];
    for (case, content) in cases {
        std::fs::write(&path, content).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, ModelError::Safetensors { .. }), "{case}: {error}");
        assert!(error.to_string().contains("model.safetensors"), "{case}: {error}");
    }
    let mut not_finite = bytes.clone();
    let end = not_finite.len();
    not_finite[end - 2..].copy_from_slice(&0x7e00_u16.to_le_bytes());
    std::fs::write(&path, &not_finite).unwrap();
    assert!(matches!(refusal(dir.path()), ModelError::NotFinite { .. }));
    std::fs::remove_file(&path).unwrap();
    assert!(refusal(dir.path()).to_string().contains("model.safetensors"));
}

#[test]
fn shapes_must_be_those_of_the_configuration() {
    let dir = copy();
    let config = dir.path().join("config.json");
    edit(&config, "\"intermediate_size\":", "\"intermediate_size\": 11, \"unused\":");
    let error = refusal(dir.path());
    assert!(matches!(error, ModelError::TensorShape { .. }), "{error}");
    assert!(error.to_string().contains("mlp.gate_proj") && error.to_string().contains("11"));

    let dir = copy();
    let config = dir.path().join("config.json");
    edit(&config, "\"num_hidden_layers\":", "\"num_hidden_layers\": 40, \"unused\":");
    assert!(matches!(refusal(dir.path()), ModelError::MissingTensor { .. }));
}

#[test]
fn other_architectures_and_tokenizers_are_refused_by_name() {
    let dir = copy();
    edit(&dir.path().join("config.json"), "LlamaForCausalLM", "MambaForCausalLM");
    assert!(refusal(dir.path()).to_string().contains("`MambaForCausalLM` is not supported"));

    let dir = copy();
    edit(&dir.path().join("config.json"), "\"vocab_size\":", "\"vocab_size\": 300, \"unused\":");
    let error = refusal(dir.path());
    assert!(matches!(error, ModelError::VocabularyMismatch { vocabulary: 300, .. }), "{error}");

    let dir = copy();
    // The second has a merge that is longer than any token.
    let long = "x".repeat(300);
    let bomb = format!(
        r#"{{"version":"1.0","added_tokens":[],"model":{{"type":"BPE","vocab":{{"a":0,"{long}":1}},"merges":[["{long}","a"]]}}}}"#
    );
    for text in ["{}", bomb.as_str(), "\u{0}\u{1}", "[1,2"] {
        std::fs::write(dir.path().join("tokenizer.json"), text).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, ModelError::Tokenizer { .. }), "{error}");
    }

    let dir = copy();
    std::fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    assert!(refusal(dir.path()).to_string().contains("tokenizer.json"));
}

#[test]
fn shards_are_found_through_their_index_only_inside_the_directory() {
    let dir = copy();
    let shard = dir.path().join("model-00001-of-00001.safetensors");
    std::fs::rename(dir.path().join("model.safetensors"), &shard).unwrap();
    let index = dir.path().join("model.safetensors.index.json");
    let write = |file: &str| {
        let text = format!(r#"{{"weight_map":{{"model.norm.weight":"{file}"}}}}"#);
        std::fs::write(&index, text).unwrap();
    };
    write("model-00001-of-00001.safetensors");
    let model = Model::load(dir.path(), &LoadOptions::default()).unwrap();
    let prompts = prompts(&model);
    assert_eq!(model.answer(&prompts, 4).unwrap(), tiny().answer(&prompts, 4).unwrap());
    for outside in ["../model-00001-of-00001.safetensors", "/etc/passwd", "model.bin"] {
        write(outside);
        let error = refusal(dir.path());
        assert!(matches!(error, ModelError::Safetensors { .. }), "{error}");
    }
}

#[test]
fn a_directory_that_is_not_there_says_what_to_give() {
    let missing = tempfile::tempdir().unwrap().path().join("nowhere");
    assert!(refusal(&missing).to_string().contains("no such directory"));
    assert!(Model::load_from(&tiny_dir().display().to_string(), &LoadOptions::default()).is_ok());
}
