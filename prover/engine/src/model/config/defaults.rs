//! What transformers takes for fields that a `config.json` leaves out. A field that is there and
//! `null` is not left out.

use super::family::Architecture;

/// Whether a family has a soft cap.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cap {
    /// Whatever the file says, it is not applied.
    Never,
    /// The file's, or this one where the file leaves it out.
    OrElse(Option<f64>),
}

/// Values of one family that differ from those that most families have.
pub(super) struct Defaults {
    /// Positions that the model was made for (`max_position_embeddings`).
    pub(super) positions: usize,
    /// Base of the rotary frequencies (`rope_theta`).
    pub(super) theta: f64,
    /// Positions of pretraining (`original_max_position_embeddings`), of a family that has them.
    pub(super) original_positions: Option<usize>,
    /// Heads of keys (`num_key_value_heads`); as many as of queries where it is `None`.
    pub(super) kv_heads: Option<usize>,
    /// Width of a head (`head_dim`); that of the model per head where it is `None`.
    pub(super) head_dim: Option<usize>,
    /// Epsilon of the norms (`rms_norm_eps`).
    pub(super) eps: f64,
    /// Positions that a limited layer sees (`sliding_window`).
    pub(super) window: Option<usize>,
    /// What scores are divided by the root of (`query_pre_attn_scalar`), if the files say it.
    pub(super) query_scalar: Option<f64>,
    /// Soft cap of scores (`attn_logit_softcapping`).
    pub(super) attention_cap: Cap,
    /// Soft cap of logits (`final_logit_softcapping`).
    pub(super) logit_cap: Cap,
    /// Whether the output layer is the embedding matrix (`tie_word_embeddings`).
    pub(super) tied: bool,
}

impl Defaults {
    /// Those of a family.
    pub(super) const fn of(architecture: Architecture) -> Self {
        let llama = Self {
            positions: 2048,
            theta: 10_000.0,
            original_positions: None,
            kv_heads: None,
            head_dim: None,
            eps: 1e-6,
            window: None,
            query_scalar: None,
            attention_cap: Cap::Never,
            logit_cap: Cap::Never,
            tied: false,
        };
        match architecture {
            Architecture::Llama => llama,
            Architecture::Mistral => {
                Self { positions: 4096 * 32, kv_heads: Some(8), window: Some(4096), ..llama }
            }
            Architecture::Qwen2 => Self { positions: 32_768, kv_heads: Some(32), ..llama },
            Architecture::Qwen3 => {
                Self { positions: 32_768, kv_heads: Some(32), head_dim: Some(128), ..llama }
            }
            Architecture::Phi3 => {
                Self { positions: 4096, original_positions: Some(4096), eps: 1e-5, ..llama }
            }
            Architecture::Gemma2 => Self {
                positions: 8192,
                attention_cap: Cap::OrElse(Some(50.0)),
                logit_cap: Cap::OrElse(Some(30.0)),
                ..Self::gemma(llama)
            },
            Architecture::Gemma3 => Self {
                positions: 131_072,
                theta: 1_000_000.0,
                logit_cap: Cap::OrElse(None),
                ..Self::gemma(llama)
            },
            Architecture::Olmo2 => Self { eps: 1e-5, ..llama },
            Architecture::SmolLm3 => Self {
                positions: 32_768,
                theta: 2_000_000.0,
                kv_heads: Some(4),
                tied: true,
                ..llama
            },
        }
    }
    /// What the Gemma families have in common, and others not.
    const fn gemma(others: Self) -> Self {
        Self {
            kv_heads: Some(4),
            head_dim: Some(256),
            window: Some(4096),
            query_scalar: Some(256.0),
            tied: true,
            ..others
        }
    }
}
