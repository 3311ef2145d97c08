//! The names that GGUF files give to parameters.

use crate::model::config::{Architecture, ModelConfig};
use crate::model::stored::{Stored, stored as stored_by_family};

/// Where a GGUF file holds the parameter of a Hugging Face name.
pub(super) fn stored(config: &ModelConfig, name: &str, shape: &[usize]) -> Stored {
    let stored = stored_by_family(config, name, shape);
    let name = translate(config, &stored.name);
    // These files hold the norms of Gemma in full.
    Stored { name, less_one: false, ..stored }
}

fn translate(config: &ModelConfig, name: &str) -> String {
    match name {
        "model.embed_tokens.weight" => return "token_embd.weight".to_owned(),
        "model.norm.weight" => return "output_norm.weight".to_owned(),
        "lm_head.weight" => return "output.weight".to_owned(),
        _ => {}
    }
    let after_attention = if config.sandwich_norms { "post_attention_norm" } else { "ffn_norm" };
    let parts = [
        ("model.layers.", "blk."),
        ("self_attn.qkv_proj", "attn_qkv"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("mlp.gate_up_proj", "ffn_up"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", after_attention),
        ("pre_feedforward_layernorm", "ffn_norm"),
        ("post_feedforward_layernorm", "post_ffw_norm"),
    ];
    parts.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

/// Heads of a parameter whose rotated dimensions these files interleave: queries and keys of the
/// Llama family, which Mistral is converted as.
pub(super) fn rotated_heads(config: &ModelConfig, name: &str) -> Option<usize> {
    if !matches!(config.architecture, Architecture::Llama | Architecture::Mistral) {
        return None;
    }
    if name.contains("self_attn.q_proj") {
        Some(config.heads)
    } else if name.contains("self_attn.k_proj") {
        Some(config.kv_heads)
    } else {
        None
    }
}
