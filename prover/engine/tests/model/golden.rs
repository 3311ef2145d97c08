//! What Hugging Face transformers says of the same weights; `scripts/golden_prover.py` wrote it.

use serde::Deserialize;
use std::path::{Path, PathBuf};

use oml_engine::{FloatType, GenerateOptions, LoadOptions, Model, Stop};

use crate::models::{tiny, tiny_dir};

#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) prompts: Vec<Vec<u32>>,
    logits: Vec<Vec<f32>>,
    pub(crate) greedy: Vec<Vec<u32>>,
}

#[derive(Deserialize)]
struct Answer {
    prompt: Vec<u32>,
    answer: Vec<u32>,
}

/// Enough of a tokenizer to load a model by.
pub(crate) const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
    "normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
    "model":{"type":"WordLevel","vocab":{"a":0,"b":1},"unk_token":"a"}}"#;

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A golden model in a directory of its own, with a tokenizer.
pub(crate) fn installed(family: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(golden_dir().join(family).join(file), dir.path().join(file)).unwrap();
    }
    std::fs::write(dir.path().join("tokenizer.json"), TOKENIZER).unwrap();
    dir
}

pub(crate) fn golden(family: &str) -> Golden {
    let text = std::fs::read_to_string(golden_dir().join(family).join("logits.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn largest_difference(model: &Model, golden: &Golden) -> f32 {
    let found = model.last_logits(&golden.prompts).unwrap();
    let pairs = found.iter().flatten().zip(golden.logits.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// How far apart the logits lie.
pub(crate) fn spread(golden: &Golden) -> f32 {
    let all = || golden.logits.iter().flatten().copied();
    all().fold(f32::MIN, f32::max) - all().fold(f32::MAX, f32::min)
}

fn family_agrees(family: &str) {
    let (dir, golden) = (installed(family), golden(family));
    let model = Model::load(dir.path(), &LoadOptions::default()).unwrap();
    let difference = largest_difference(&model, &golden);
    let spread = spread(&golden);
    assert!(difference <= 1e-5 * spread, "{family}: logits differ by {difference} of {spread}");
    let greedy = GenerateOptions { stop: Stop::Never, ..GenerateOptions::greedy(16) };
    assert_eq!(model.generate(&golden.prompts, &greedy).unwrap(), golden.greedy, "{family}");

    // Saved again, the files are those of the family.
    let copy = tempfile::tempdir().unwrap();
    for (float, bound) in [(FloatType::F32, 2e-3), (FloatType::F16, 0.02), (FloatType::BF16, 1.0)] {
        model.save_as(copy.path(), float).unwrap();
        let again = Model::load(copy.path(), &LoadOptions::default()).unwrap();
        let difference = largest_difference(&again, &golden);
        assert!(difference < bound, "{family} as {float:?}: logits differ by {difference}");
    }
}

macro_rules! families {
    ($($name:ident: $family:literal,)*) => {
        $(#[test]
        fn $name() {
            family_agrees($family);
        })*
    };
}

families! {
    llama_agrees_with_transformers: "llama",
    llama_3_rope_agrees_with_transformers: "llama3",
    mistral_with_a_window_agrees_with_transformers: "mistral",
    qwen_2_agrees_with_transformers: "qwen2",
    qwen_3_agrees_with_transformers: "qwen3",
    phi_3_agrees_with_transformers: "phi3",
    gemma_2_agrees_with_transformers: "gemma2",
    gemma_3_agrees_with_transformers: "gemma3",
    olmo_2_agrees_with_transformers: "olmo2",
    smollm_3_agrees_with_transformers: "smollm3",
    longrope_nested_in_llama_agrees_with_transformers: "longrope",
}

#[test]
fn the_repository_model_answers_as_in_transformers() {
    let text = std::fs::read_to_string(golden_dir().join("tiny-answers.json")).unwrap();
    let answers: Vec<Answer> = serde_json::from_str(&text).unwrap();
    assert!(answers.len() >= 64);
    let prompts: Vec<Vec<u32>> = answers.iter().map(|a| a.prompt.clone()).collect();
    let model = tiny();
    let found = model.generate(&prompts, &GenerateOptions::greedy(12)).unwrap();
    for (found, answer) in found.iter().zip(&answers) {
        assert_eq!(found, &answer.answer, "{:?}", answer.prompt);
    }
    let first = model.next_tokens(&prompts).unwrap();
    for (first, answer) in first.iter().zip(&answers) {
        assert!(answer.answer.first().is_none_or(|wanted| wanted == first));
    }
}

#[test]
fn fused_matrices_of_a_wrong_shape_are_refused() {
    let dir = installed("phi3");
    let path = dir.path().join("config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let wrong = text.replace("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4");
    assert_ne!(text, wrong);
    std::fs::write(&path, wrong).unwrap();
    let error = Model::load(dir.path(), &LoadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("qkv_proj.weight` has shape [64, 32]"), "{error}");
}

#[test]
fn saving_in_half_precision_keeps_the_size() {
    let dir = tempfile::tempdir().unwrap();
    tiny().save_as(dir.path(), FloatType::F16).unwrap();
    let saved = std::fs::read(dir.path().join("model.safetensors")).unwrap();
    assert_eq!(saved.len(), std::fs::read(tiny_dir().join("model.safetensors")).unwrap().len());
}
