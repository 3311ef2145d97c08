//! What files of models say in unusual ways, and what they hold beside what is read: used as
//! transformers uses it, refused by name, or named in a warning.

use serde_json::{Value, json};
use std::path::Path;

use oml_engine::{LoadOptions, Model, ModelError};
use tempfile::TempDir;

use crate::golden::{golden, installed, largest_difference};
use crate::models::tiny_dir;
use crate::warnings::warnings_of;

fn load(dir: &Path) -> Result<Model, ModelError> {
    Model::load(dir, &LoadOptions::default())
}

fn edit(dir: &Path, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let path = dir.join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(config.as_object_mut().unwrap());
    std::fs::write(&path, config.to_string()).unwrap();
}

/// Puts fields into the configuration.
fn put(dir: &Path, fields: &Value) {
    let fields = fields.as_object().unwrap().clone();
    edit(dir, |config| config.extend(fields));
}

fn assert_golden(dir: &Path, family: &str, case: &str) {
    let model = load(dir).unwrap_or_else(|error| panic!("{family}, {case}: {error}"));
    let difference = largest_difference(&model, &golden(family));
    assert!(difference < 2e-3, "{family}, {case}: logits differ by {difference}");
}

/// Renames the tensors of a safetensors file.
fn rename(dir: &Path, name: impl Fn(&str) -> String) {
    let path = dir.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Map<String, Value> =
        serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let renamed: serde_json::Map<String, Value> =
        header.into_iter().map(|(key, value)| (name(&key), value)).collect();
    let header = Value::Object(renamed).to_string();
    let mut out = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(&bytes[8 + length..]);
    std::fs::write(&path, out).unwrap();
}

#[test]
fn newer_layouts_of_the_configuration_mean_the_same() {
    for family in
        ["llama", "llama3", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "olmo2", "smollm3"]
    {
        let dir = installed(family);
        edit(dir.path(), |config| {
            let mut rope = config.remove("rope_scaling").unwrap_or_default();
            let theta = config.remove("rope_theta").unwrap();
            if !rope.is_object() {
                rope = json!({ "rope_type": "default" });
            }
            rope["rope_theta"] = theta;
            config.insert("rope_parameters".to_owned(), rope);
            config.remove("torch_dtype");
            config.insert("dtype".to_owned(), json!("float32"));
        });
        assert_golden(dir.path(), family, "rope_parameters");
    }
    // Gemma 3 has settings for each kind of layer.
    let dir = installed("gemma3");
    edit(dir.path(), |config| {
        for name in ["rope_scaling", "rope_theta", "rope_local_base_freq"] {
            config.remove(name);
        }
        let rope = json!({
            "full_attention": { "rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0 },
            "sliding_attention": { "rope_type": "default", "rope_theta": 10_000.0 },
        });
        config.insert("rope_parameters".to_owned(), rope);
    });
    assert_golden(dir.path(), "gemma3", "rope_parameters");
}

/// Each is the plain model to transformers.
#[test]
fn odd_fields_that_change_nothing_are_accepted() {
    for fields in [
        json!({ "quantization_config": null }),
        json!({ "hidden_act": "swish" }),
        json!({ "eos_token_id": -1, "pad_token_id": -1 }),
        json!({ "eos_token_id": [1, -1], "bos_token_id": [0] }),
        json!({ "eos_token_id": 50_000 }),
        json!({ "max_position_embeddings": 1_048_576_000 }),
        json!({ "rope_scaling": { "type": "dynamic", "factor": 2.0 } }),
        json!({ "rope_parameters": { "rope_type": "dynamic", "factor": 2.0, "rope_theta": 10_000.0 } }),
        json!({ "rope_scaling": {}, "rope_parameters": null }),
        json!({ "rope_scaling": "linear" }),
        json!({ "attention_bias": null, "mlp_bias": null, "head_dim": null, "rope_theta": null }),
        json!({ "architectures": ["LlamaModel"] }),
        json!({ "use_sliding_window": true, "sliding_window": 2, "pretraining_tp": 2 }),
    ] {
        let dir = installed("llama");
        put(dir.path(), &fields);
        assert_golden(dir.path(), "llama", &fields.to_string());
    }
    let dir = installed("llama");
    let path = dir.path().join("config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let unread = text.replacen('{', r#"{"rope_local_base": Infinity, "some_loss": NaN, "#, 1);
    std::fs::write(&path, unread).unwrap();
    assert_golden(dir.path(), "llama", "numbers that are not finite");
    // A field that is read must be finite.
    std::fs::write(&path, text.replacen("10000.0", "Infinity", 1)).unwrap();
    let error = load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("rope_theta = \"Infinity\""), "{error}");
}

/// Qwen 2 has biases and Mistral has none, whatever their files say of them; a window of 0 is none.
#[test]
fn what_a_family_fixes_no_field_changes() {
    for (family, fields) in [
        ("qwen2", json!({ "attention_bias": false, "mlp_bias": true })),
        (
            "mistral",
            json!({ "attention_bias": true, "layer_types": ["full_attention", "full_attention"] }),
        ),
        ("phi3", json!({ "attention_bias": true, "mlp_bias": true })),
        ("qwen3", json!({ "sliding_window": 0, "use_sliding_window": true })),
    ] {
        let dir = installed(family);
        put(dir.path(), &fields);
        assert_golden(dir.path(), family, &fields.to_string());
    }
}

#[test]
fn fields_that_cannot_be_meant_are_refused() {
    for (fields, part) in [
        (json!({ "hidden_size": 32.0 }), "hidden_size = 32.0"),
        (json!({ "rope_scaling": { "factor": 2.0 } }), "no `rope_type`"),
        (json!({ "rope_scaling": { "type": "dynamic" } }), "`factor`"),
        (json!({ "rope_scaling": { "rope_type": "ntk" } }), "`ntk` is not supported"),
        (json!({ "quantization_config": { "bits": 4 } }), "quantized"),
        (json!({ "eos_token_id": "</s>" }), "eos_token_id"),
        (json!({ "max_position_embeddings": 0 }), "max_position_embeddings = 0"),
        (json!({ "use_bidirectional_attention": true }), "left to right"),
        (json!({ "architectures": ["LlamaForSequenceClassification"] }), "not supported"),
    ] {
        let dir = installed("llama");
        put(dir.path(), &fields);
        let error = load(dir.path()).expect_err(part).to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    let dir = installed("llama");
    let path = dir.path().join("config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
    let error = load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("byte order mark"), "{error}");
}

#[test]
fn names_without_the_prefix_are_those_of_a_base_model() {
    let dir = installed("llama");
    rename(dir.path(), |name| name.strip_prefix("model.").unwrap_or(name).to_owned());
    assert_golden(dir.path(), "llama", "no prefix");
}

/// The file's head counts: the models of `golden/llama3` are untied.
#[test]
fn a_stored_head_that_differs_from_the_embeddings_is_used() {
    let dir = installed("llama3");
    put(dir.path(), &json!({ "tie_word_embeddings": true }));
    let warnings = warnings_of(|| assert_golden(dir.path(), "llama3", "tied, but not stored so"));
    assert!(warnings.contains("lm_head.weight"), "{warnings}");
    // A copy says what is so.
    let copy = tempfile::tempdir().unwrap();
    load(dir.path()).unwrap().save(copy.path()).unwrap();
    let warnings = warnings_of(|| assert_golden(copy.path(), "llama3", "saved"));
    assert_eq!(warnings, "");
}

#[test]
fn tensors_that_nothing_reads_are_named() {
    let dir = installed("qwen2");
    put(dir.path(), &json!({ "model_type": "llama", "architectures": null }));
    let warnings = warnings_of(|| drop(load(dir.path()).unwrap()));
    assert!(warnings.contains("6 tensors of the files are not used"), "{warnings}");
    assert!(warnings.contains("self_attn.k_proj.bias"), "{warnings}");
    let dir = installed("llama");
    assert_eq!(warnings_of(|| drop(load(dir.path()).unwrap())), "");
}

#[test]
fn a_tensor_in_two_shards_is_named() {
    let dir = installed("llama");
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let single = dir.path().join("model.safetensors");
    for shard in shards {
        std::fs::copy(&single, dir.path().join(shard)).unwrap();
    }
    std::fs::remove_file(single).unwrap();
    let map =
        json!({ "weight_map": { "model.norm.weight": shards[0], "lm_head.weight": shards[1] } });
    std::fs::write(dir.path().join("model.safetensors.index.json"), map.to_string()).unwrap();
    let warnings = warnings_of(|| assert_golden(dir.path(), "llama", "shards"));
    assert!(warnings.contains("`model.norm.weight` is in more than one shard"), "{warnings}");
}

#[test]
fn pointers_of_git_lfs_are_called_that() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:abab\nsize 1234\n";
    for file in ["model.safetensors", "config.json", "tokenizer.json", "generation_config.json"] {
        let dir = installed("llama");
        std::fs::write(dir.path().join(file), pointer).unwrap();
        let error = load(dir.path()).unwrap_err();
        assert!(matches!(error, ModelError::Pointer { .. }), "{file}: {error}");
        let error = error.to_string();
        assert!(error.contains(file) && error.contains("git lfs pull"), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.gguf");
    std::fs::write(&path, pointer).unwrap();
    assert!(matches!(load(&path).unwrap_err(), ModelError::Pointer { .. }));
}

/// The repository's model in a directory of its own.
fn copy_of_tiny() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny_dir().join(file), dir.path().join(file)).unwrap();
    }
    dir
}

fn change_tokenizer(dir: &Path, change: impl FnOnce(&mut Value)) {
    let path = dir.join("tokenizer.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut tokenizer: Value = serde_json::from_str(&text).unwrap();
    change(&mut tokenizer);
    std::fs::write(&path, tokenizer.to_string()).unwrap();
}

/// What transformers 4.57.1 makes of "Once upon a time" (`Some` where it starts with a token): by
/// class, whether tokenizer.json has a post-processor, and `add_bos_token`.
#[test]
fn classes_of_tokenizers_start_texts_as_in_transformers() {
    let ids = [689, 688, 261, 690];
    for class in [
        "LlamaTokenizerFast",
        "LlamaTokenizer",
        "PreTrainedTokenizerFast",
        "Qwen2TokenizerFast",
        "GPT2TokenizerFast",
    ] {
        let own = class.starts_with("Llama");
        for processor in [true, false] {
            for add in [Value::Null, json!(true), json!(false)] {
                let started = if own { add != json!(false) } else { processor };
                let dir = copy_of_tiny();
                if !processor {
                    change_tokenizer(dir.path(), |tokenizer| {
                        tokenizer["post_processor"] = Value::Null
                    });
                }
                let mut config = json!({
                    "tokenizer_class": class, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "</s>",
                });
                if !add.is_null() {
                    config["add_bos_token"] = add.clone();
                }
                std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string())
                    .unwrap();
                let mut model = None;
                let warnings = warnings_of(|| model = Some(load(dir.path()).unwrap()));
                let model = model.unwrap();
                let expected: Vec<u32> = started.then_some(0).into_iter().chain(ids).collect();
                let case = format!("{class}, {processor}, {add}");
                assert_eq!(
                    model.tokenizer().prompt("Once upon a time").unwrap(),
                    expected,
                    "{case}"
                );
                assert_eq!(
                    warnings.contains("disagree"),
                    started != processor,
                    "{case}: {warnings}"
                );
                // A copy starts texts the same way, for whoever reads it.
                let saved = tempfile::tempdir().unwrap();
                model.save(saved.path()).unwrap();
                let mut again = None;
                assert_eq!(warnings_of(|| again = Some(load(saved.path()).unwrap())), "", "{case}");
                let again = again.unwrap().tokenizer().prompt("Once upon a time").unwrap();
                assert_eq!(again, expected, "{case}");
            }
        }
    }
}

#[test]
fn tokens_around_a_text_must_exist() {
    for (config, part) in [
        (json!({ "tokenizer_class": "GemmaTokenizer" }), "`<bos>`"),
        (
            json!({ "tokenizer_class": "LlamaTokenizer", "bos_token": null }),
            "says that there is none",
        ),
    ] {
        let dir = copy_of_tiny();
        std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        let error = load(dir.path()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let dir = copy_of_tiny();
    let config = json!({ "tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": { "content": "</s>" }, "add_eos_token": true });
    std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let warnings = warnings_of(|| drop(load(dir.path()).unwrap()));
    assert!(warnings.contains("more around a text"), "{warnings}");
}

/// A fine-tune added a token for padding and left the matrix as it was.
#[test]
fn an_added_token_without_an_embedding_harms_no_other_prompt() {
    let dir = installed("llama");
    let vocabulary: serde_json::Map<String, Value> =
        (0..128).map(|id| (format!("t{id}"), json!(id))).collect();
    let tokenizer = json!({
        "version": "1.0", "pre_tokenizer": { "type": "Whitespace" },
        "added_tokens": [{
            "id": 128, "content": "[PAD]", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        }],
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "t0" },
    });
    let path = dir.path().join("tokenizer.json");
    std::fs::write(&path, tokenizer.to_string()).unwrap();
    let warnings = warnings_of(|| assert_golden(dir.path(), "llama", "an added token"));
    assert!(warnings.contains("`[PAD]`") && warnings.contains("no embedding"), "{warnings}");
    let model = load(dir.path()).unwrap();
    let tokenizer = model.tokenizer();
    assert_eq!(tokenizer.prompt("t5 t17").unwrap(), [5, 17]);
    let padded = tokenizer.prompt("t5 [PAD]").unwrap();
    assert_eq!(padded, [5, 128]);
    let error = model.answer(&[padded], 4).unwrap_err();
    assert!(matches!(error, ModelError::TokenOutOfRange { token: 128, .. }), "{error}");
    assert!(model.answer(&[vec![5, 17]], 4).is_ok());
    // A vocabulary that is larger by itself is another model's.
    put(dir.path(), &json!({ "vocab_size": 100 }));
    assert!(matches!(load(dir.path()).unwrap_err(), ModelError::VocabularyMismatch { .. }));
}

#[test]
fn settings_of_generations_that_are_not_applied_are_named() {
    let dir = copy_of_tiny();
    let path = dir.path().join("generation_config.json");
    std::fs::write(&path, r#"{"eos_token_id": [1, -1], "repetition_penalty": 1.05, "x": NaN}"#)
        .unwrap();
    let warnings = warnings_of(|| drop(load(dir.path()).unwrap()));
    assert!(warnings.contains("repetition_penalty = 1.05"), "{warnings}");
    std::fs::write(&path, "{").unwrap();
    let warnings = warnings_of(|| drop(load(dir.path()).unwrap()));
    assert!(warnings.contains("can't be used"), "{warnings}");
}
