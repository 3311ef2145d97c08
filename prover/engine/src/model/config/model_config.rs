//! The Hugging Face `config.json` of the decoder families implemented here.

use serde_json::{Map, Value};
use std::path::Path;

use super::defaults::Defaults;
use super::family::{Activation, Architecture, RopeScaling};
use super::fields::Fields;
use crate::ModelError;
use crate::model::lenient;
use crate::numbers::narrow;

/// Shape of a model, read from `config.json` and checked for consistency.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// Family whose forward pass, biases and norms the model has.
    pub architecture: Architecture,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the gated feed-forward layer.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub layers: usize,
    /// Heads of queries per layer; more than key/value heads where these are shared.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Rows of the embedding matrix.
    pub vocab_size: usize,
    /// Positions the model was made for.
    pub max_positions: usize,
    /// Positions that a query sees, itself included, in the layers marked in `window_layers`.
    pub sliding_window: Option<usize>,
    /// Layers whose attention is limited to the window.
    pub window_layers: Vec<bool>,
    /// Non-linearity of the gates.
    pub activation: Activation,
    /// Scores are divided by the root of this; the width of a head in most families.
    pub query_scalar: f64,
    /// Attention scores become `cap · tanh(score / cap)`.
    pub attention_cap: Option<f32>,
    /// Logits become `cap · tanh(logit / cap)`.
    pub logit_cap: Option<f32>,
    /// Factor on embeddings as they enter the first layer.
    pub embedding_scale: f32,
    /// Norms before attention and before the feed-forward half.
    pub input_norms: bool,
    /// Norms also after attention and after the feed-forward half, before each is added.
    pub sandwich_norms: bool,
    /// Norm weights are stored less one; they are held, trained and printed in full.
    pub norm_offset: bool,
    /// Leading share of each head that is rotated, in dimensions; even.
    pub rotary_dim: usize,
    /// Epsilon of the RMS norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Stretching of the rotary frequencies.
    pub rope_scaling: RopeScaling,
    /// Biases on query, key and value projections.
    pub qkv_bias: bool,
    /// Bias on the attention output projection.
    pub output_bias: bool,
    /// Biases in the feed-forward layer.
    pub mlp_bias: bool,
    /// RMS norms on queries and keys, head by head.
    pub qk_norm: bool,
    /// RMS norms on queries and keys over all heads at once.
    pub whole_qk_norm: bool,
    /// Layers whose queries and keys are not rotated.
    pub unrotated_layers: Vec<bool>,
    /// Base of the rotary frequencies in layers with a window, where these have their own, which
    /// are never stretched.
    pub local_rope_theta: Option<f64>,
    /// The output layer is the embedding matrix.
    pub tied_embeddings: bool,
    /// Beginning-of-sequence id named by the configuration.
    pub bos: Option<u32>,
    /// End-of-sequence ids named by the configuration.
    pub eos: Vec<u32>,
    /// The file as it was read, so that saving keeps fields not used here.
    pub(crate) raw: Map<String, Value>,
}

impl ModelConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// `Io`, `Config` (field, value and allowed range), `UnsupportedArchitecture`.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(path).map_err(ModelError::io(path))?;
        Self::parse(&text)
    }

    /// Parses the text of a `config.json`.
    ///
    /// # Errors
    /// `Config`, `UnsupportedArchitecture`.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let raw = json_object(text)?;
        let architecture = architecture(&raw)?;
        let (fields, defaults) = (Fields { raw: &raw }, Defaults::of(architecture));
        fields.refuse_unsupported()?;
        let hidden_size = fields.size("hidden_size")?;
        let heads = fields.size("num_attention_heads")?;
        let head_dim = fields.head_dim(defaults.head_dim)?;
        let layers = fields.size("num_hidden_layers")?;
        let (sliding_window, window_layers) = fields.window(architecture, layers)?;
        let rope = fields.rope_shape(head_dim, &defaults)?;
        let rope_scaling = fields.rope_scaling(architecture, rope)?;
        Self {
            architecture,
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            layers,
            heads,
            kv_heads: fields.kv_heads(defaults.kv_heads)?,
            head_dim,
            vocab_size: fields.size("vocab_size")?,
            max_positions: rope_scaling.limit(rope.positions),
            sliding_window,
            window_layers,
            activation: fields.activation(architecture)?,
            query_scalar: fields.query_scalar(architecture, head_dim)?,
            attention_cap: fields.cap("attn_logit_softcapping", defaults.attention_cap)?,
            logit_cap: fields.cap("final_logit_softcapping", defaults.logit_cap)?,
            embedding_scale: architecture.embedding_scale(hidden_size),
            input_norms: architecture != Architecture::Olmo2,
            sandwich_norms: architecture.is_gemma() || architecture == Architecture::Olmo2,
            norm_offset: architecture.is_gemma(),
            rotary_dim: rope.rotary_dim,
            rms_norm_eps: fields.number("rms_norm_eps", defaults.eps)?,
            rope_theta: rope.theta,
            rope_scaling,
            qkv_bias: fields.qkv_bias(architecture)?,
            output_bias: fields.output_bias(architecture)?,
            mlp_bias: fields.mlp_bias(architecture)?,
            qk_norm: matches!(architecture, Architecture::Qwen3 | Architecture::Gemma3),
            whole_qk_norm: architecture == Architecture::Olmo2,
            unrotated_layers: fields.unrotated_layers(architecture, layers)?,
            local_rope_theta: fields.local_theta(architecture)?,
            tied_embeddings: fields.flag("tie_word_embeddings", defaults.tied)?,
            bos: fields.ids("bos_token_id")?.first().copied(),
            eos: fields.ids("eos_token_id")?,
            raw: raw.clone(),
        }
        .checked()
    }

    /// Positions that a query of a layer sees, itself included; `None` for all before it.
    #[must_use]
    pub fn window(&self, layer: usize) -> Option<usize> {
        self.sliding_window.filter(|_| self.window_layers.get(layer).copied().unwrap_or(false))
    }

    /// The same model with an output layer of its own, which its files hold although they say that
    /// it is the embedding matrix.
    pub(crate) fn untied(mut self) -> Self {
        self.tied_embeddings = false;
        self.raw.insert("tie_word_embeddings".to_owned(), Value::Bool(false));
        self
    }

    /// Factor on attention scores.
    pub(crate) fn attention_scale(&self) -> f32 {
        narrow(self.query_scalar.sqrt().recip())
    }

    /// Number of parameters that this shape implies.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let attention = self.hidden_size * self.head_dim * 2 * (self.heads + self.kv_heads);
        let mlp = 3 * self.hidden_size * self.intermediate_size;
        let embeddings =
            self.vocab_size * self.hidden_size * (2 - usize::from(self.tied_embeddings));
        let norms = 2 * (usize::from(self.sandwich_norms) + usize::from(self.input_norms));
        embeddings + self.layers * (attention + mlp + norms * self.hidden_size) + self.hidden_size
    }

    /// Refuses shapes that contradict themselves.
    fn checked(self) -> Result<Self, ModelError> {
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(ModelError::config(format!(
                "num_key_value_heads = {} does not divide num_attention_heads = {}",
                self.kv_heads, self.heads
            )));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(ModelError::config(format!("head_dim = {} must be even", self.head_dim)));
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return Err(ModelError::config(format!(
                "rms_norm_eps = {} must lie in (0, 1)",
                self.rms_norm_eps
            )));
        }
        if !(self.query_scalar > 0.0 && self.query_scalar.is_finite()) {
            return Err(ModelError::config(format!(
                "query_pre_attn_scalar = {}: must be above 0",
                self.query_scalar
            )));
        }
        Ok(self)
    }
}

fn json_object(text: &str) -> Result<Map<String, Value>, ModelError> {
    match lenient::parse(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(ModelError::config(format!("must be a JSON object, not `{other}`"))),
        Err(e) if text.starts_with('\u{feff}') => Err(ModelError::config(
            "it starts with a byte order mark, which is no JSON; save it as UTF-8 without one",
        )
        .because(e)),
        Err(e) => Err(ModelError::config(format!("not a JSON object: {e}")).because(e)),
    }
}

/// The family. The architecture may be that of the decoder without its output layer, as base models
/// are saved: what counts is the family, as it does in transformers.
fn architecture(raw: &Map<String, Value>) -> Result<Architecture, ModelError> {
    let listed = raw.get("architectures").and_then(|a| a.get(0)).and_then(Value::as_str);
    let kind = raw.get("model_type").and_then(Value::as_str);
    let named = |family: &Architecture| match (listed, kind) {
        (Some(listed), _) => {
            let ends = ["ForCausalLM", "Model", "TextModel"];
            ends.iter().any(|end| listed.strip_suffix(end) == Some(family.class()))
        }
        (None, kind) => kind == Some(family.model_type().as_str()),
    };
    Architecture::ALL.into_iter().find(named).ok_or_else(|| ModelError::UnsupportedArchitecture {
        found: listed.or(kind).unwrap_or("(none named)").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = r#""hidden_size":64,"intermediate_size":172,"num_hidden_layers":5,
        "num_attention_heads":8,"num_key_value_heads":4,"vocab_size":512"#;

    fn parse(extra: &str) -> Result<ModelConfig, ModelError> {
        ModelConfig::parse(&format!("{{{BASE},{extra}}}"))
    }

    #[test]
    fn reads_each_family() {
        let llama =
            parse(r#""architectures":["LlamaForCausalLM"],"tie_word_embeddings":true"#).unwrap();
        assert_eq!((llama.head_dim, llama.tied_embeddings, llama.qkv_bias), (8, true, false));
        assert_eq!(llama.parameters(), 260_032);
        let mistral =
            parse(r#""architectures":["MistralForCausalLM"],"sliding_window":256"#).unwrap();
        assert_eq!((mistral.max_positions, mistral.window(4)), (131_072, Some(256)));
        let qwen2 = parse(r#""model_type":"qwen2","sliding_window":256"#).unwrap();
        assert!(qwen2.qkv_bias && !qwen2.output_bias && qwen2.max_positions == 32_768);
        let qwen3 = parse(r#""model_type":"qwen3","head_dim":16,"eos_token_id":[1,2]"#).unwrap();
        assert!(qwen3.qk_norm && qwen3.head_dim == 16 && qwen3.eos == [1, 2]);
    }

    #[test]
    fn reads_rope_scaling_in_both_layouts() {
        let inner = r#"{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,
            "high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_theta":500000.0}"#;
        for key in ["rope_scaling", "rope_parameters"] {
            let config = parse(&format!(r#""model_type":"llama","{key}":{inner}"#)).unwrap();
            assert!(
                matches!(config.rope_scaling, RopeScaling::Llama3 { factor, .. } if factor == 8.0)
            );
            assert_eq!(config.rope_theta, 500_000.0);
        }
    }

    #[test]
    fn the_context_is_that_of_the_short_factors() {
        let config = parse(
            r#""model_type":"phi3","max_position_embeddings":131072,"original_max_position_embeddings":4096,
            "rope_scaling":{"type":"longrope","short_factor":[1,1,2,4],"long_factor":[1,2,8,64]}"#,
        )
        .unwrap();
        assert_eq!(config.max_positions, 4096);
        let RopeScaling::Divided { divisors, attention_factor, .. } = config.rope_scaling else {
            panic!("{:?}", config.rope_scaling);
        };
        // sqrt(1 + ln 32 / ln 4096), as Phi 3's authors publish it.
        assert!((attention_factor - 1.190_238).abs() < 1e-6, "{attention_factor}");
        assert_eq!(divisors, [1.0, 1.0, 2.0, 4.0]);
    }

    /// Expected values are those of transformers 4.57.1, which wrote the older layout, and of
    /// version 5 for the newer one.
    #[test]
    fn longrope_nested_in_any_family_is_that_of_its_layout() {
        let factor = |key: &str, more: &str, beside: &str| {
            let config = parse(&format!(
                r#""model_type":"llama","max_position_embeddings":512{beside},
                "{key}":{{"rope_type":"longrope","short_factor":[1,1,2,4],"long_factor":[1,2,8,64],
                "original_max_position_embeddings":64{more}}}"#
            ));
            let config = config.unwrap();
            assert_eq!(config.max_positions, 64);
            config.rope_scaling.attention_factor()
        };
        let of = |stretch: f64, original: f64| (1.0 + stretch.ln() / original.ln()).sqrt();
        for (key, more, beside, expected) in [
            ("rope_scaling", r#","factor":8.0"#, "", of(8.0, 512.0)),
            ("rope_parameters", r#","factor":8.0"#, "", of(8.0, 64.0)),
            ("rope_parameters", "", "", of(8.0, 64.0)),
            ("rope_scaling", r#","attention_factor":1.5"#, "", 1.5),
            (
                "rope_scaling",
                r#","factor":3.0"#,
                r#","original_max_position_embeddings":64"#,
                of(8.0, 64.0),
            ),
        ] {
            let found = factor(key, more, beside);
            assert!((found - expected).abs() < 1e-12, "{key} {more} {beside}: {found}, {expected}");
        }
    }

    #[test]
    fn where_both_layouts_are_there_the_older_counts() {
        let config = parse(
            r#""model_type":"llama","rope_theta":20000,"rope_scaling":{"type":"linear","factor":4},
            "rope_parameters":{"rope_theta":10000,"rope_type":"default"}"#,
        )
        .unwrap();
        assert_eq!(config.rope_theta, 20_000.0);
        assert_eq!(config.rope_scaling, RopeScaling::Linear { factor: 4.0 });
    }

    /// What is left out is what the family's own class says, `null` is none.
    #[test]
    fn left_out_fields_are_those_of_the_family() {
        let gemma = parse(r#""model_type":"gemma2","num_hidden_layers":2"#).unwrap();
        assert_eq!((gemma.head_dim, gemma.query_scalar), (256, 256.0));
        assert_eq!((gemma.attention_cap, gemma.logit_cap), (Some(50.0), Some(30.0)));
        assert_eq!((gemma.window(0), gemma.window(1)), (Some(4096), None));
        let none = r#""model_type":"gemma2","attn_logit_softcapping":null,"sliding_window":null"#;
        let gemma = parse(none).unwrap();
        assert_eq!((gemma.attention_cap, gemma.logit_cap), (None, Some(30.0)));
        assert_eq!(gemma.window(0), None);
        let gemma = r#""model_type":"gemma3_text","final_logit_softcapping":7,
            "attn_logit_softcapping":5"#;
        let gemma = parse(gemma).unwrap();
        assert_eq!((gemma.attention_cap, gemma.logit_cap), (None, Some(7.0)));
        let mistral = parse(r#""model_type":"mistral""#).unwrap();
        assert_eq!((mistral.window(0), mistral.max_positions), (Some(4096), 131_072));
        assert_eq!(parse(r#""model_type":"phi3""#).unwrap().rms_norm_eps, 1e-5);
        assert_eq!(parse(r#""model_type":"qwen3""#).unwrap().head_dim, 128);
        for family in ["mistral", "phi3", "gemma2"] {
            let zero = format!(r#""model_type":"{family}","sliding_window":0"#);
            assert_eq!(parse(&zero).unwrap().window(0), None, "{family}");
        }
        let kinds = r#""model_type":"gemma2","layer_types":["full_attention","sliding_attention",
            "full_attention","full_attention","linear_attention"]"#;
        assert!(parse(kinds).unwrap_err().to_string().contains("linear_attention"));
    }

    #[test]
    fn names_what_is_wrong() {
        let cases = [
            (r#""architectures":["GPT2LMHeadModel"]"#, "GPT2LMHeadModel"),
            (r#""model_type":"llama","num_key_value_heads":3"#, "num_key_value_heads = 3"),
            (r#""model_type":"llama","head_dim":7"#, "head_dim = 7"),
            (r#""model_type":"llama","vocab_size":0"#, "vocab_size = 0"),
            (r#""model_type":"llama","hidden_act":"gelu""#, "hidden_act = `gelu` is not supported"),
            (r#""model_type":"llama","rope_scaling":{"rope_type":"dynamic"}"#, "`factor`"),
            (r#""model_type":"llama","rope_scaling":{"rope_type":"yarn"}"#, "`factor`"),
            (
                r#""model_type":"llama","rope_scaling":{"type":"yarn","factor":2,"beta_fast":1,"beta_slow":64}"#,
                "beta_fast = 1",
            ),
            (
                r#""model_type":"llama","rope_scaling":{"type":"longrope","short_factor":[1,1],"long_factor":[1,1]}"#,
                "`short_factor` must be a list of 4 numbers",
            ),
            (
                r#""model_type":"phi3","rope_scaling":{"type":"su","short_factor":[1,1,1,1],"long_factor":[1,1,1,0]}"#,
                "`long_factor`",
            ),
        ];
        for (extra, expected) in cases {
            let message = parse(extra).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
