//! How a `config.json` says that rotary frequencies are stretched.

use serde_json::{Map, Value};
use std::f64::consts::TAU;

use super::defaults::Defaults;
use super::family::{Architecture, RopeScaling};
use super::fields::{Fields, number_in};
use crate::ModelError;
use crate::numbers::as_f64;

/// What the stretching of rotary frequencies depends on besides its own settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct RopeShape {
    /// Rotated dimensions of a head.
    pub(super) rotary_dim: usize,
    /// Positions that the model was made for.
    pub(super) positions: usize,
    /// Base of the frequencies.
    pub(super) theta: f64,
}

/// Settings that stretch nothing.
const PLAIN: [&str; 4] = ["rope_type", "type", "rope_theta", "partial_rotary_factor"];

impl Fields<'_> {
    /// What the frequencies of heads of a width depend on, with what the family has where the file
    /// leaves it out.
    pub(super) fn rope_shape(
        &self,
        head_dim: usize,
        left_out: &Defaults,
    ) -> Result<RopeShape, ModelError> {
        let (rotary_dim, theta) = (self.rotary_dim(head_dim)?, self.rope_theta(left_out.theta)?);
        Ok(RopeShape { rotary_dim, positions: self.positions(left_out.positions)?, theta })
    }

    /// The stretching of a model's rotary frequencies.
    pub(super) fn rope_scaling(
        &self,
        architecture: Architecture,
        shape: RopeShape,
    ) -> Result<RopeScaling, ModelError> {
        for name in ["rope_scaling", "rope_parameters"] {
            if let Some(given) = self.get(name).filter(|given| !given.is_object()) {
                tracing::warn!("config.json: {name} = {given} is not an object and is ignored");
            }
        }
        let Some(object) = self.rope_object() else { return Ok(RopeScaling::None) };
        let kind = object.get("rope_type").or_else(|| object.get("type")).and_then(Value::as_str);
        match kind {
            None => match object.keys().find(|key| !PLAIN.contains(&key.as_str())) {
                Some(key) => Err(ModelError::config(format!(
                    "rope scaling: `{key}` is there but no `rope_type` that says what it is for"
                ))),
                None => Ok(RopeScaling::None),
            },
            Some("default") => Ok(RopeScaling::None),
            // Up to the positions that the model was made for, which limit every sequence here, the
            // frequencies are the plain ones.
            Some("dynamic") => positive(object, "factor").map(|_| RopeScaling::None),
            Some("linear") => Ok(RopeScaling::Linear { factor: positive(object, "factor")? }),
            Some("llama3") => Ok(RopeScaling::Llama3 {
                factor: positive(object, "factor")?,
                low_freq_factor: positive(object, "low_freq_factor")?,
                high_freq_factor: positive(object, "high_freq_factor")?,
                original_context: positive(object, "original_max_position_embeddings")?,
            }),
            Some("yarn") => yarn(object, shape),
            // Phi 3 first called it `su`.
            Some("longrope" | "su") => self.divided(architecture, object, shape),
            Some(other) => Err(ModelError::config(format!(
                "rope scaling `{other}` is not supported; supported: default, linear, dynamic, \
                 llama3, yarn, longrope"
            ))),
        }
    }

    fn divided(
        &self,
        architecture: Architecture,
        object: &Map<String, Value>,
        shape: RopeShape,
    ) -> Result<RopeScaling, ModelError> {
        let key = "original_max_position_embeddings";
        let own = self.optional_size(key, Defaults::of(architecture).original_positions)?;
        let nested = Fields { raw: object }.optional_size(key, None)?;
        let divisors = list(object, "short_factor", shape.rotary_dim / 2)?;
        list(object, "long_factor", shape.rotary_dim / 2)?;
        let original_context = own.or(nested).unwrap_or(shape.positions);
        let attention_factor = match optional(object, "attention_factor")? {
            Some(factor) => factor,
            None => {
                let factor = optional(object, "factor")?;
                let given = Stretch { own, nested, factor, positions: shape.positions };
                given.attention_factor(self.older_rope_object().is_some())?
            }
        };
        Ok(RopeScaling::Divided { divisors, attention_factor, original_context })
    }
}

/// What a file says of how far LongRoPE stretches the context.
struct Stretch {
    /// Positions of pretraining, beside the object with the rotary settings.
    own: Option<usize>,
    /// The same within the object.
    nested: Option<usize>,
    factor: Option<f64>,
    positions: usize,
}

impl Stretch {
    /// The factor on cosines and sines. Transformers before version 5, which wrote the older
    /// layout, overlook the nested number of positions; later ones know it.
    fn attention_factor(&self, older: bool) -> Result<f64, ModelError> {
        let ratio = |original: usize| as_f64(self.positions) / as_f64(original);
        let of = |stretch: f64, original: usize| {
            let grown = 1.0 + stretch.ln() / as_f64(original).ln();
            if stretch <= 1.0 { 1.0 } else { grown.sqrt() }
        };
        let original = self.own.or(self.nested).unwrap_or(self.positions);
        let newer = of(self.factor.unwrap_or_else(|| ratio(original)), original);
        if !older {
            return Ok(newer);
        }
        let found = match (self.own, self.factor) {
            (Some(own), _) => of(ratio(own), own),
            (None, Some(factor)) => of(factor, self.positions),
            // Those versions fail here; the later reading is the only one there is.
            (None, None) => return Ok(newer),
        };
        if (found - newer).abs() > 1e-9 {
            tracing::warn!(
                "config.json: rope_scaling means an attention factor of {found} to transformers \
                 before version 5, which is used here, and of {newer} to later ones; write the \
                 `attention_factor` that the model was trained with into rope_scaling"
            );
        }
        Ok(found)
    }
}

/// YaRN with the defaults of its authors.
fn yarn(object: &Map<String, Value>, shape: RopeShape) -> Result<RopeScaling, ModelError> {
    let RopeShape { rotary_dim, positions, theta } = shape;
    let factor = positive(object, "factor")?;
    let original =
        optional(object, "original_max_position_embeddings")?.unwrap_or(as_f64(positions));
    let fast = optional_or_zero(object, "beta_fast")?.unwrap_or(32.0);
    let slow = optional_or_zero(object, "beta_slow")?.unwrap_or(1.0);
    // The pair that turns so many times over the original context.
    let d = as_f64(rotary_dim);
    let pair = |turns: f64| d * (original / (turns * TAU)).ln() / (2.0 * theta.ln());
    let (mut low, mut high) = (pair(fast), pair(slow));
    if object.get("truncate").is_none_or(|given| given.as_bool().unwrap_or(false)) {
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
    let scales =
        optional_or_zero(object, "mscale")?.zip(optional_or_zero(object, "mscale_all_dim")?);
    let attention_factor = match (optional(object, "attention_factor")?, scales) {
        (Some(given), _) => given,
        (None, Some((one, all))) => grown(one) / grown(all),
        (None, None) => grown(1.0),
    };
    Ok(RopeScaling::Yarn { factor, ramp: (low, high), attention_factor })
}

/// As [`optional`], but 0 stands for "not given".
fn optional_or_zero(object: &Map<String, Value>, name: &str) -> Result<Option<f64>, ModelError> {
    let zero = object.get(name).and_then(Value::as_f64) == Some(0.0);
    if zero { Ok(None) } else { optional(object, name) }
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
