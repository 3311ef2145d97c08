//! What tells the decoder families apart, and how rotary frequencies are stretched.

use crate::numbers::{as_f64, narrow};

/// Decoder family; the families share one forward pass and differ in biases and norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Llama 1, 2, 3 and models of the same shape (SmolLM, TinyLlama, ...).
    Llama,
    /// Mistral 7B and its kin; Llama plus an optional sliding window.
    Mistral,
    /// Qwen 2 and 2.5: biases on query, key and value projections.
    Qwen2,
    /// Qwen 3: RMS norms on queries and keys per head.
    Qwen3,
    /// Phi 3 and 4 (mini): projections stored fused; otherwise Llama with an optional window.
    Phi3,
    /// Gemma 2: norms around each half of a layer, GELU gates, capped scores and logits, scaled
    /// embeddings, a window in every other layer.
    Gemma2,
    /// The text models of Gemma 3: as Gemma 2 with norms on queries and keys instead of caps, and
    /// rotary frequencies of their own in layers with a window.
    Gemma3,
    /// OLMo 2: norms after each half of a layer and none before; queries and keys normed over all
    /// heads at once.
    Olmo2,
    /// SmolLM 3: Llama with layers that are not rotated.
    SmolLm3,
}

impl Architecture {
    /// Every family, in the order in which they were added.
    pub(super) const ALL: [Self; 9] = [
        Self::Llama,
        Self::Mistral,
        Self::Qwen2,
        Self::Qwen3,
        Self::Phi3,
        Self::Gemma2,
        Self::Gemma3,
        Self::Olmo2,
        Self::SmolLm3,
    ];

    /// The name that its classes have in transformers, before `ForCausalLM`.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Llama => "Llama",
            Self::Mistral => "Mistral",
            Self::Qwen2 => "Qwen2",
            Self::Qwen3 => "Qwen3",
            Self::Phi3 => "Phi3",
            Self::Gemma2 => "Gemma2",
            Self::Gemma3 => "Gemma3",
            Self::Olmo2 => "Olmo2",
            Self::SmolLm3 => "SmolLM3",
        }
    }

    /// Its `model_type` in configurations.
    pub(super) fn model_type(self) -> String {
        match self {
            Self::Gemma3 => "gemma3_text".to_owned(),
            other => other.class().to_lowercase(),
        }
    }

    /// Factor on embeddings of a width as they enter the first layer.
    pub(super) fn embedding_scale(self, width: usize) -> f32 {
        if self.is_gemma() { narrow(as_f64(width).sqrt()) } else { 1.0 }
    }

    /// Whether it is one of Google's, which scale embeddings and norms in their own way.
    pub(super) const fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }
}

/// Non-linearity of the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · sigmoid(x)`.
    Silu,
    /// GELU in its tanh form.
    GeluTanh,
}

/// How rotary frequencies are stretched beyond the context of pretraining.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// Frequencies as published: `theta^(-2i/d)`.
    None,
    /// All frequencies divided by the factor.
    Linear {
        /// Divisor, > 0.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided, high ones kept, a smooth ramp between.
    Llama3 {
        /// Divisor of the low frequencies, > 0.
        factor: f64,
        /// Wavelengths above `original_context / low` are divided.
        low_freq_factor: f64,
        /// Wavelengths below `original_context / high` are kept.
        high_freq_factor: f64,
        /// Positions seen in pretraining.
        original_context: f64,
    },
    /// YaRN (Peng et al. 2023): low frequencies divided, high ones kept, a ramp over the pairs
    /// between.
    Yarn {
        /// Divisor of the low frequencies, > 0.
        factor: f64,
        /// Pairs before the first are kept, those after the second divided.
        ramp: (f64, f64),
        /// Factor on cosines and sines.
        attention_factor: f64,
    },
    /// A divisor per pair, as LongRoPE (Ding et al. 2024) has one list for short and one for long
    /// contexts. Only the short list is used: the context is limited to what it is for.
    Divided {
        /// Divisors, > 0, one per pair.
        divisors: Vec<f64>,
        /// Factor on cosines and sines.
        attention_factor: f64,
        /// Positions for which these divisors hold.
        original_context: usize,
    },
}

impl RopeScaling {
    /// The positions that the frequencies are good for, of so many that the model was made for.
    pub(crate) fn limit(&self, positions: usize) -> usize {
        match self {
            Self::Divided { original_context, .. } => positions.min(*original_context),
            _ => positions,
        }
    }

    /// Factor on cosines and sines.
    pub(crate) fn attention_factor(&self) -> f64 {
        match self {
            Self::Yarn { attention_factor, .. } | Self::Divided { attention_factor, .. } => {
                *attention_factor
            }
            _ => 1.0,
        }
    }
}
