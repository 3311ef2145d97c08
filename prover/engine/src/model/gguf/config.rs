//! A model's shape from GGUF metadata, by way of the `config.json` it stands for.

use serde_json::{Map, Value as Json, json};
use std::fs::File;
use std::path::Path;

use super::fields::Fields;
use super::header::Header;
use super::rope;
use crate::ModelError;
use crate::model::config::ModelConfig;

/// Families whose names are the same here and in `config.json`.
const ARCHITECTURES: [&str; 5] = ["llama", "qwen2", "qwen3", "phi3", "gemma2"];

/// Builds and checks the configuration.
pub(super) fn read(
    header: &Header,
    path: &Path,
    file: &mut File,
) -> Result<ModelConfig, ModelError> {
    let fields = Fields { header, path };
    let architecture = fields.text("general.architecture")?;
    if !ARCHITECTURES.contains(&architecture.as_str()) {
        return Err(ModelError::UnsupportedArchitecture {
            found: format!("{architecture} (GGUF)"),
        });
    }
    let at = |name: &str| format!("{architecture}.{name}");
    let mut raw = Map::new();
    raw.insert("model_type".to_owned(), json!(architecture));
    for (field, key) in [
        ("hidden_size", "embedding_length"),
        ("intermediate_size", "feed_forward_length"),
        ("num_hidden_layers", "block_count"),
        ("num_attention_heads", "attention.head_count"),
    ] {
        let value = fields.count(&at(key))?;
        let missing = || fields.invalid(format!("`{}` is missing", at(key)));
        raw.insert(field.to_owned(), json!(value.ok_or_else(missing)?));
    }
    optional_fields(&fields, &architecture, &mut raw)?;
    control_tokens(&fields, &mut raw)?;
    complete(header, &mut raw)?;
    rope::read(&fields, &architecture, file, &mut raw)?;
    // There is no config.json to blame: the metadata of the file stand for it.
    ModelConfig::parse(&Json::Object(raw).to_string()).map_err(|error| match error {
        ModelError::Config { what, .. } => fields.invalid(format!("its metadata say {what}")),
        other => other,
    })
}

/// What a file may leave out.
fn optional_fields(
    fields: &Fields<'_>,
    architecture: &str,
    raw: &mut Map<String, Json>,
) -> Result<(), ModelError> {
    let at = |name: &str| format!("{architecture}.{name}");
    for (field, key) in [
        ("num_key_value_heads", "attention.head_count_kv"),
        ("max_position_embeddings", "context_length"),
        ("head_dim", "attention.key_length"),
        ("sliding_window", "attention.sliding_window"),
    ] {
        // `null` keeps the defaults of transformers away, which are those of other files.
        let value = fields.count(&at(key))?;
        if value.is_some() || field != "max_position_embeddings" && field != "sliding_window" {
            raw.insert(field.to_owned(), json!(value));
        }
    }
    for (field, key) in [
        ("rms_norm_eps", "attention.layer_norm_rms_epsilon"),
        ("rope_theta", "rope.freq_base"),
        ("attn_logit_softcapping", "attn_logit_softcapping"),
        ("final_logit_softcapping", "final_logit_softcapping"),
    ] {
        if let Some(value) = fields.number(&at(key))? {
            raw.insert(field.to_owned(), json!(value));
        }
    }
    Ok(())
}

/// What the tensors tell.
fn complete(header: &Header, raw: &mut Map<String, Json>) -> Result<(), ModelError> {
    let embeddings = header
        .tensors
        .get("token_embd.weight")
        .ok_or_else(|| ModelError::MissingTensor { name: "token_embd.weight".to_owned() })?;
    raw.insert("vocab_size".to_owned(), json!(embeddings.shape[0]));
    let tied = !header.tensors.contains_key("output.weight");
    raw.insert("tie_word_embeddings".to_owned(), json!(tied));
    if raw["model_type"] != "qwen2" && header.tensors.contains_key("blk.0.attn_q.bias") {
        raw.insert("attention_bias".to_owned(), json!(true));
    }
    if raw["model_type"] == "gemma2" && !raw.contains_key("query_pre_attn_scalar") {
        // Gemma 2 27B alone divides by the width of the model per head instead of the head's.
        let head = raw.get("head_dim").and_then(Json::as_u64).unwrap_or(256);
        let (hidden, heads) = (raw["hidden_size"].as_u64(), raw["num_attention_heads"].as_u64());
        let scalar = match (hidden, heads, raw["num_hidden_layers"].as_u64()) {
            (Some(hidden), Some(heads), Some(46)) if heads > 0 => hidden / heads,
            _ => head,
        };
        raw.insert("query_pre_attn_scalar".to_owned(), json!(scalar));
    }
    Ok(())
}

/// Control tokens; what ends a turn of a chat ends an answer.
fn control_tokens(fields: &Fields<'_>, raw: &mut Map<String, Json>) -> Result<(), ModelError> {
    if let Some(id) = fields.count("tokenizer.ggml.bos_token_id")? {
        raw.insert("bos_token_id".to_owned(), json!(id));
    }
    let mut ends = Vec::new();
    for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"] {
        ends.extend(fields.count(key)?.filter(|id| !ends.contains(id)));
    }
    if !ends.is_empty() {
        raw.insert("eos_token_id".to_owned(), json!(ends));
    }
    Ok(())
}
