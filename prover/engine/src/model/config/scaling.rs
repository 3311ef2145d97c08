//! How a `config.json` says that rotary frequencies are stretched.

use serde_json::{Map, Value};
use std::f64::consts::TAU;

use super::family::RopeScaling;
use super::fields::{Fields, number_in};
use crate::ModelError;
use crate::numbers::as_f64;

impl Fields<'_> {
    /// The stretching of `rotary_dim` rotated dimensions, for a model made for so many positions.
    pub(super) fn rope_scaling(
        &self,
        rotary_dim: usize,
        positions: usize,
        theta: f64,
    ) -> Result<RopeScaling, ModelError> {
        let Some(object) = self.rope_object() else { return Ok(RopeScaling::None) };
        let kind = object.get("rope_type").or_else(|| object.get("type")).and_then(Value::as_str);
        match kind {
            None | Some("default") => Ok(RopeScaling::None),
            Some("linear") => Ok(RopeScaling::Linear { factor: positive(object, "factor")? }),
            Some("llama3") => Ok(RopeScaling::Llama3 {
                factor: positive(object, "factor")?,
                low_freq_factor: positive(object, "low_freq_factor")?,
                high_freq_factor: positive(object, "high_freq_factor")?,
                original_context: positive(object, "original_max_position_embeddings")?,
            }),
            Some("yarn") => yarn(object, rotary_dim, positions, theta),
            // Phi 3 first called it `su`.
            Some("longrope" | "su") => self.divided(object, rotary_dim, positions),
            Some(other) => Err(ModelError::config(format!(
                "rope scaling `{other}` is not supported; supported: default, linear, llama3, yarn, longrope"
            ))),
        }
    }

    fn divided(
        &self,
        object: &Map<String, Value>,
        rotary_dim: usize,
        positions: usize,
    ) -> Result<RopeScaling, ModelError> {
        let key = "original_max_position_embeddings";
        // Beside the object it stands for the model's own stretch; within it `factor` may say
        // another.
        let (own, nested) = (self.get(key).is_some(), Fields { raw: object });
        let original_context = match (own, nested.get(key).is_some()) {
            (true, _) => self.size(key)?,
            (false, true) => nested.size(key)?,
            (false, false) => positions,
        };
        let divisors = list(object, "short_factor", rotary_dim / 2)?;
        list(object, "long_factor", rotary_dim / 2)?;
        let attention_factor = match optional(object, "attention_factor")? {
            Some(factor) => factor,
            None => {
                let stretch = as_f64(positions) / as_f64(original_context);
                let stretch = optional(object, "factor")?.filter(|_| !own).unwrap_or(stretch);
                let grown = 1.0 + stretch.ln() / as_f64(original_context).ln();
                if stretch <= 1.0 { 1.0 } else { grown.sqrt() }
            }
        };
        Ok(RopeScaling::Divided { divisors, attention_factor, original_context })
    }
}

/// YaRN with the defaults of its authors.
fn yarn(
    object: &Map<String, Value>,
    rotary_dim: usize,
    positions: usize,
    theta: f64,
) -> Result<RopeScaling, ModelError> {
    let factor = positive(object, "factor")?;
    let original =
        optional(object, "original_max_position_embeddings")?.unwrap_or(as_f64(positions));
    let fast = optional(object, "beta_fast")?.unwrap_or(32.0);
    let slow = optional(object, "beta_slow")?.unwrap_or(1.0);
    // The pair that turns so many times over the original context.
    let d = as_f64(rotary_dim);
    let pair = |turns: f64| d * (original / (turns * TAU)).ln() / (2.0 * theta.ln());
    let (mut low, mut high) = (pair(fast), pair(slow));
    if object.get("truncate").and_then(Value::as_bool).unwrap_or(true) {
        (low, high) = (low.floor(), high.ceil());
    }
    (low, high) = (low.max(0.0), high.min(d - 1.0));
    if low > high {
        return Err(ModelError::config(format!(
            "rope scaling: beta_fast = {fast} must be above beta_slow = {slow}"
        )));
    }
    // Both ends in one pair would divide by nothing.
    let high = if low == high { high + 0.001 } else { high };
    let grown = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 };
    let scales = optional(object, "mscale")?.zip(optional(object, "mscale_all_dim")?);
    let attention_factor = match (optional(object, "attention_factor")?, scales) {
        (Some(given), _) => given,
        (None, Some((one, all))) => grown(one) / grown(all),
        (None, None) => grown(1.0),
    };
    Ok(RopeScaling::Yarn { factor, ramp: (low, high), attention_factor })
}

fn wrong(name: &str) -> ModelError {
    ModelError::config(format!("rope scaling: `{name}` must be a number above 0"))
}

fn positive(object: &Map<String, Value>, name: &str) -> Result<f64, ModelError> {
    optional(object, name)?.ok_or_else(|| wrong(name))
}

fn optional(object: &Map<String, Value>, name: &str) -> Result<Option<f64>, ModelError> {
    match number_in(object, name)? {
        Some(n) if n > 0.0 => Ok(Some(n)),
        None => Ok(None),
        Some(_) => Err(wrong(name)),
    }
}

/// A list of divisors, one per rotated pair.
fn list(object: &Map<String, Value>, name: &str, pairs: usize) -> Result<Vec<f64>, ModelError> {
    let given = object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let number = |value: &Value| value.as_f64().filter(|n| n.is_finite() && *n > 0.0);
    let divisors: Option<Vec<f64>> = given.iter().map(number).collect();
    divisors.filter(|list| list.len() == pairs).ok_or_else(|| {
        ModelError::config(format!(
            "rope scaling: `{name}` must be a list of {pairs} numbers above 0, one per rotated pair"
        ))
    })
}
