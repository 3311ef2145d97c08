//! The fields of a `config.json`, one by one.

use serde_json::{Map, Value};

use super::defaults::{Cap, Defaults};
use super::family::{Activation, Architecture};
use crate::ModelError;
use crate::numbers::{as_f64, narrow};

/// Largest accepted value of any dimension; bounds what a hostile file can make us allocate.
const MAX_DIMENSION: u64 = 1 << 24;

/// Names of the sigmoid linear unit, and of GELU in its tanh form.
const SILU: [&str; 2] = ["silu", "swish"];
const GELU_TANH: [&str; 3] = ["gelu_pytorch_tanh", "gelu_new", "gelu_fast"];

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

    /// A size that may be left out, which then is the family's, or `null`, which is none at all.
    pub(super) fn optional_size(
        &self,
        name: &str,
        left_out: Option<usize>,
    ) -> Result<Option<usize>, ModelError> {
        match self.raw.get(name) {
            None => Ok(left_out),
            Some(Value::Null) => Ok(None),
            Some(_) => self.size(name).map(Some),
        }
    }

    /// Positions that the model was made for. Some files mean "any" by a number beyond all bounds;
    /// it only limits what is asked for, so it is not held against them.
    pub(super) fn positions(&self, default: usize) -> Result<usize, ModelError> {
        let name = "max_position_embeddings";
        let Some(value) = self.get(name) else { return Ok(default) };
        match value.as_u64() {
            Some(n) if n > 0 => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
            _ => Err(ModelError::config(format!("{name} = {value}: must be a number above 0"))),
        }
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

    /// Token ids. A negative one, usually -1, stands for "none", as no token has it.
    pub(super) fn ids(&self, name: &str) -> Result<Vec<u32>, ModelError> {
        let one = |v: &Value| match (v.as_i64(), v.as_u64()) {
            (Some(n), _) if n < 0 => Ok(None),
            (_, Some(n)) if u32::try_from(n).is_ok() => Ok(u32::try_from(n).ok()),
            _ => Err(ModelError::config(format!(
                "{name} = {v}: must be a token id or a list of them"
            ))),
        };
        let ids = match self.get(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(one).collect::<Result<Vec<_>, _>>()?,
            Some(v) => vec![one(v)?],
        };
        Ok(ids.into_iter().flatten().collect())
    }

    /// Sliding window and the layers that it is in force in.
    pub(super) fn window(
        &self,
        architecture: Architecture,
        layers: usize,
    ) -> Result<(Option<usize>, Vec<bool>), ModelError> {
        let none = (None, vec![false; layers]);
        let used = match architecture {
            Architecture::Mistral | Architecture::Phi3 => true,
            Architecture::Gemma2 | Architecture::Gemma3 => true,
            Architecture::Qwen2 | Architecture::Qwen3 | Architecture::SmolLm3 => {
                self.flag("use_sliding_window", false)?
            }
            Architecture::Llama | Architecture::Olmo2 => false,
        };
        // Converters write 0 for a model that has none.
        let zero = self.get("sliding_window").and_then(Value::as_u64) == Some(0);
        if !used || zero {
            return Ok(none);
        }
        let left_out = Defaults::of(architecture).window;
        let Some(window) = self.optional_size("sliding_window", left_out)? else {
            return Ok(none);
        };
        let by_kind = !matches!(architecture, Architecture::Mistral | Architecture::Phi3);
        if let (true, Some(limited)) = (by_kind, self.layer_types(layers)?) {
            return Ok((Some(window), limited));
        }
        let full = self.get("max_window_layers").and_then(Value::as_u64).unwrap_or(28);
        let pattern = self.size_or("sliding_window_pattern", 6)?;
        let unrotated = self.unrotated_layers(architecture, layers)?;
        let limited = |layer: usize| match architecture {
            Architecture::Gemma2 => layer.is_multiple_of(2),
            Architecture::Gemma3 => !(layer + 1).is_multiple_of(pattern),
            Architecture::Qwen2 | Architecture::Qwen3 => {
                usize::try_from(full).is_ok_and(|full| layer >= full)
            }
            Architecture::SmolLm3 => unrotated[layer],
            _ => true,
        };
        Ok((Some(window), (0..layers).map(limited).collect()))
    }

    /// Layers whose queries and keys are not rotated: SmolLM 3 lists those that are, or leaves out
    /// one after every few.
    pub(super) fn unrotated_layers(
        &self,
        architecture: Architecture,
        layers: usize,
    ) -> Result<Vec<bool>, ModelError> {
        if architecture != Architecture::SmolLm3 {
            return Ok(vec![false; layers]);
        }
        let Some(listed) = self.get("no_rope_layers") else {
            let interval = self.size_or("no_rope_layer_interval", 4)?;
            return Ok((1..=layers).map(|n| n.is_multiple_of(interval)).collect());
        };
        let rotated = |value: &Value| {
            value.as_bool().or_else(|| value.as_u64().filter(|n| *n < 2).map(|n| n == 1))
        };
        let list = listed.as_array().map(Vec::as_slice).unwrap_or_default();
        let rotated: Option<Vec<bool>> = list.iter().map(rotated).collect();
        rotated
            .filter(|rotated| rotated.len() == layers)
            .map(|rotated| rotated.into_iter().map(|rotated| !rotated).collect())
            .ok_or_else(|| {
                ModelError::config(format!(
                    "no_rope_layers = {listed}: must be a list of {layers} numbers, 1 or 0"
                ))
            })
    }

    /// Which layers are limited to the window, where the file lists it layer by layer.
    fn layer_types(&self, layers: usize) -> Result<Option<Vec<bool>>, ModelError> {
        let Some(kinds) = self.get("layer_types") else { return Ok(None) };
        let kinds = kinds.as_array().map(Vec::as_slice).unwrap_or_default();
        if kinds.len() != layers {
            return Err(ModelError::config(format!(
                "layer_types names {} layers, num_hidden_layers = {layers}",
                kinds.len()
            )));
        }
        let limited = |kind: &Value| match kind.as_str() {
            Some("sliding_attention") => Ok(true),
            Some("full_attention") => Ok(false),
            _ => Err(ModelError::config(format!(
                "layer_types: `{kind}` is not supported, only `full_attention` and \
                 `sliding_attention`"
            ))),
        };
        kinds.iter().map(limited).collect::<Result<_, _>>().map(Some)
    }

    /// Whether queries, keys and values have biases. Qwen 2 always has them, Mistral and Phi 3
    /// never do, whatever the file says.
    pub(super) fn qkv_bias(&self, architecture: Architecture) -> Result<bool, ModelError> {
        let given = self.flag("attention_bias", false)?;
        Ok(match architecture {
            Architecture::Qwen2 => true,
            Architecture::Mistral | Architecture::Phi3 => false,
            _ => given,
        })
    }

    /// Whether the projection after attention has a bias, which Qwen 2 never does.
    pub(super) fn output_bias(&self, architecture: Architecture) -> Result<bool, ModelError> {
        Ok(self.qkv_bias(architecture)? && architecture != Architecture::Qwen2)
    }

    /// Heads of keys and values, as many as of queries unless the file or the family says another.
    pub(super) fn kv_heads(&self, left_out: Option<usize>) -> Result<usize, ModelError> {
        let given = self.optional_size("num_key_value_heads", left_out)?;
        given.map_or_else(|| self.size("num_attention_heads"), Ok)
    }

    /// Width of a head, of the model's width per head unless the file or the family says another.
    pub(super) fn head_dim(&self, left_out: Option<usize>) -> Result<usize, ModelError> {
        let given = self.optional_size("head_dim", left_out)?;
        given.map_or_else(|| Ok(self.size("hidden_size")? / self.size("num_attention_heads")?), Ok)
    }

    /// Whether the feed-forward layer has biases, which is a choice of Llama and its closest kin.
    pub(super) fn mlp_bias(&self, architecture: Architecture) -> Result<bool, ModelError> {
        let may = matches!(architecture, Architecture::Llama | Architecture::SmolLm3);
        Ok(self.flag("mlp_bias", false)? && may)
    }

    /// What scores are divided by the root of; a file's own number counts for Gemma alone.
    pub(super) fn query_scalar(
        &self,
        architecture: Architecture,
        head_dim: usize,
    ) -> Result<f64, ModelError> {
        match Defaults::of(architecture).query_scalar {
            Some(default) => self.number("query_pre_attn_scalar", default),
            None => Ok(as_f64(head_dim)),
        }
    }

    pub(super) fn activation(&self, architecture: Architecture) -> Result<Activation, ModelError> {
        let (name, default) = match architecture {
            family if family.is_gemma() => ("hidden_activation", "gelu_pytorch_tanh"),
            _ => ("hidden_act", "silu"),
        };
        match self.get(name).map_or(Some(default), Value::as_str) {
            Some(named) if SILU.contains(&named) => Ok(Activation::Silu),
            Some(named) if GELU_TANH.contains(&named) => Ok(Activation::GeluTanh),
            other => Err(ModelError::config(format!(
                "{name} = `{}` is not supported; supported: {}",
                other.unwrap_or("(no text)"),
                [SILU.as_slice(), &GELU_TANH].concat().join(", ")
            ))),
        }
    }

    /// A soft cap; `null` is none.
    pub(super) fn cap(&self, name: &str, family: Cap) -> Result<Option<f32>, ModelError> {
        let given = match (family, self.raw.contains_key(name)) {
            (Cap::Never, _) => None,
            (Cap::OrElse(left_out), false) => left_out,
            (Cap::OrElse(_), true) => number_in(self.raw, name)?,
        };
        match given {
            Some(cap) if cap > 0.0 => Ok(Some(narrow(cap))),
            Some(cap) => Err(ModelError::config(format!("{name} = {cap}: must be above 0"))),
            None => Ok(None),
        }
    }

    /// Refuses settings that change what the model computes and are not implemented.
    pub(super) fn refuse_unsupported(&self) -> Result<(), ModelError> {
        if self.get("quantization_config").is_some() {
            return Err(ModelError::config(
                "quantization_config: quantized weights are not supported, convert to f32/f16/bf16",
            ));
        }
        if self.get("use_bidirectional_attention").is_some_and(|given| given != &Value::Bool(false))
        {
            return Err(ModelError::config(
                "use_bidirectional_attention: only models that read from left to right are supported",
            ));
        }
        Ok(())
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

    /// The object that holds rotary settings: `rope_scaling` of older files, else `rope_parameters`
    /// of newer ones. Where both are there, every version of transformers takes the first. Gemma 3
    /// has one per kind of layer in the second.
    pub(super) fn rope_object(&self) -> Option<&Map<String, Value>> {
        let newer = || {
            let given = self.get("rope_parameters").and_then(Value::as_object)?;
            given.get("full_attention").and_then(Value::as_object).or(Some(given))
        };
        self.older_rope_object().or_else(newer)
    }

    /// Base of the rotary frequencies in layers with a window, where they have their own: Gemma 3's
    /// are never stretched.
    pub(super) fn local_theta(
        &self,
        architecture: Architecture,
    ) -> Result<Option<f64>, ModelError> {
        if architecture != Architecture::Gemma3 {
            return Ok(None);
        }
        let nested = self.get("rope_parameters").and_then(|given| given.get("sliding_attention"));
        let nested =
            nested.and_then(Value::as_object).filter(|_| self.older_rope_object().is_none());
        let nested = nested.map_or(Ok(None), |object| number_in(object, "rope_theta"))?;
        let theta = nested.map_or_else(|| self.number("rope_local_base_freq", 10_000.0), Ok)?;
        theta_above_one(theta).map(Some)
    }

    /// The settings of the older layout, if the file has any.
    pub(super) fn older_rope_object(&self) -> Option<&Map<String, Value>> {
        self.get("rope_scaling").and_then(Value::as_object).filter(|object| !object.is_empty())
    }

    pub(super) fn rope_theta(&self, default: f64) -> Result<f64, ModelError> {
        let nested = self.rope_object().map_or(Ok(None), |o| number_in(o, "rope_theta"))?;
        theta_above_one(nested.map_or_else(|| self.number("rope_theta", default), Ok)?)
    }
}

fn theta_above_one(theta: f64) -> Result<f64, ModelError> {
    if theta > 1.0 {
        Ok(theta)
    } else {
        Err(ModelError::config(format!("rope_theta = {theta}: must be above 1")))
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
