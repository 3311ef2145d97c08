//! The fields of a `config.json`, one by one.

use serde_json::{Map, Value};

use super::family::{Activation, Architecture};
use crate::ModelError;
use crate::numbers::{as_f64, narrow};

/// Largest accepted value of any dimension; bounds what a hostile file can make us allocate.
const MAX_DIMENSION: u64 = 1 << 24;

/// Typed access to the fields of the file, with errors that name field and value.
pub(super) struct Fields<'a> {
    pub(super) raw: &'a Map<String, Value>,
}

impl Fields<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.raw.get(name).filter(|v| !v.is_null())
    }

    pub(super) fn size(&self, name: &str) -> Result<usize, ModelError> {
        let value =
            self.get(name).ok_or_else(|| ModelError::config(format!("`{name}` is missing")))?;
        value
            .as_u64()
            .filter(|n| (1..=MAX_DIMENSION).contains(n))
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| {
                ModelError::config(format!("{name} = {value}: must be in 1..={MAX_DIMENSION}"))
            })
    }

    pub(super) fn size_or(&self, name: &str, default: usize) -> Result<usize, ModelError> {
        if self.get(name).is_none() { Ok(default) } else { self.size(name) }
    }

    pub(super) fn number(&self, name: &str, default: f64) -> Result<f64, ModelError> {
        number_in(self.raw, name).map(|n| n.unwrap_or(default))
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, ModelError> {
        self.get(name).map_or(Ok(default), |v| {
            v.as_bool()
                .ok_or_else(|| ModelError::config(format!("{name} = {v}: must be a boolean")))
        })
    }

    pub(super) fn ids(&self, name: &str) -> Result<Vec<u32>, ModelError> {
        let one = |v: &Value| {
            v.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| {
                ModelError::config(format!("{name} = {v}: must be a token id or a list of them"))
            })
        };
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(one).collect(),
            Some(v) => Ok(vec![one(v)?]),
        }
    }

    /// Sliding window and the layers that it is in force in.
    pub(super) fn window(
        &self,
        architecture: Architecture,
        layers: usize,
    ) -> Result<(Option<usize>, Vec<bool>), ModelError> {
        let none = (None, vec![false; layers]);
        let used = match architecture {
            Architecture::Mistral | Architecture::Phi3 | Architecture::Gemma2 => true,
            _ => self.flag("use_sliding_window", false)?,
        };
        if !used || self.get("sliding_window").is_none() {
            return Ok(none);
        }
        let window = Some(self.size("sliding_window")?);
        if let Some(kinds) = self.get("layer_types").and_then(Value::as_array) {
            let limited = |kind: &Value| kind.as_str() == Some("sliding_attention");
            if kinds.len() != layers {
                return Err(ModelError::config(format!(
                    "layer_types names {} layers, num_hidden_layers = {layers}",
                    kinds.len()
                )));
            }
            return Ok((window, kinds.iter().map(limited).collect()));
        }
        let limited = |layer: usize| match architecture {
            Architecture::Gemma2 => layer.is_multiple_of(2),
            Architecture::Qwen2 | Architecture::Qwen3 => {
                let full = self.get("max_window_layers").and_then(Value::as_u64).unwrap_or(28);
                usize::try_from(full).is_ok_and(|full| layer >= full)
            }
            _ => true,
        };
        Ok((window, (0..layers).map(limited).collect()))
    }

    /// Whether queries, keys and values have biases.
    pub(super) fn qkv_bias(&self, architecture: Architecture) -> Result<bool, ModelError> {
        let given = self.flag("attention_bias", architecture == Architecture::Qwen2)?;
        Ok(given && architecture != Architecture::Phi3)
    }

    /// What scores are divided by the root of; a file's own number counts for Gemma alone.
    pub(super) fn query_scalar(
        &self,
        architecture: Architecture,
        head_dim: usize,
    ) -> Result<f64, ModelError> {
        let given = self.number("query_pre_attn_scalar", as_f64(head_dim))?;
        Ok(if architecture == Architecture::Gemma2 { given } else { as_f64(head_dim) })
    }

    pub(super) fn activation(&self, architecture: Architecture) -> Result<Activation, ModelError> {
        let gemma = architecture == Architecture::Gemma2;
        let default = if gemma { "gelu_pytorch_tanh" } else { "silu" };
        let named = self.get("hidden_activation").or_else(|| self.get("hidden_act"));
        match named.map_or(Some(default), Value::as_str) {
            Some("silu") => Ok(Activation::Silu),
            Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            other => Err(ModelError::config(format!(
                "hidden_act = `{}` is not supported, only `silu` and `gelu_pytorch_tanh`",
                other.unwrap_or("(no text)")
            ))),
        }
    }

    /// A soft cap of Gemma 2; other families have none.
    pub(super) fn cap(
        &self,
        name: &str,
        architecture: Architecture,
    ) -> Result<Option<f32>, ModelError> {
        if architecture != Architecture::Gemma2 {
            return Ok(None);
        }
        match number_in(self.raw, name)? {
            Some(cap) if cap > 0.0 => Ok(Some(narrow(cap))),
            Some(cap) => Err(ModelError::config(format!("{name} = {cap}: must be above 0"))),
            None => Ok(None),
        }
    }

    pub(super) fn rotary_dim(&self, head_dim: usize) -> Result<usize, ModelError> {
        let nested =
            self.rope_object().map_or(Ok(None), |o| number_in(o, "partial_rotary_factor"))?;
        let factor = nested.map_or_else(|| self.number("partial_rotary_factor", 1.0), Ok)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be an even width within the head"
        )]
        // A share such as 96/128 must not lose a dimension to rounding.
        let width = (as_f64(head_dim) * factor.clamp(0.0, 1.0) + 1e-6) as usize;
        let partial = (factor - 1.0).abs() > f64::EPSILON;
        if factor > 1.0 || partial && (width < 2 || !width.is_multiple_of(2)) {
            return Err(ModelError::config(format!(
                "partial_rotary_factor = {factor}: must leave an even number of 2 to {head_dim} \
                 dimensions"
            )));
        }
        Ok(width)
    }

    /// The object that holds rotary settings: `rope_parameters` (newer files) or `rope_scaling`.
    pub(super) fn rope_object(&self) -> Option<&Map<String, Value>> {
        self.get("rope_parameters").or_else(|| self.get("rope_scaling")).and_then(Value::as_object)
    }

    pub(super) fn rope_theta(&self) -> Result<f64, ModelError> {
        let nested = self.rope_object().map_or(Ok(None), |o| number_in(o, "rope_theta"))?;
        let theta = nested.map_or_else(|| self.number("rope_theta", 10_000.0), Ok)?;
        if theta > 1.0 {
            Ok(theta)
        } else {
            Err(ModelError::config(format!("rope_theta = {theta}: must be above 1")))
        }
    }
}

pub(super) fn number_in(
    object: &Map<String, Value>,
    name: &str,
) -> Result<Option<f64>, ModelError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(v) => v
            .as_f64()
            .filter(|n| n.is_finite())
            .map(Some)
            .ok_or_else(|| ModelError::config(format!("{name} = {v}: must be a finite number"))),
    }
}
