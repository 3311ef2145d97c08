//! How files hold a parameter, where that is not as the decoder wants it.

use candle_core::{DType, Tensor};

use super::config::{Architecture, ModelConfig};
use super::options::LoadOptions;
use crate::ModelError;

/// Where a parameter lies in files whose layout differs from the one used here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Name of the tensor in the files.
    pub(crate) name: String,
    /// Rows of the stored tensor that are the parameter; `None` for all.
    pub(crate) rows: Option<std::ops::Range<usize>>,
    /// Rows of the stored tensor in all.
    pub(crate) total_rows: usize,
    /// Whether the files hold the values less one.
    pub(crate) less_one: bool,
}

/// Where the files of a family hold a parameter. Phi 3 stores queries, keys and values in one
/// matrix, and gates and ups in another.
pub(crate) fn stored(config: &ModelConfig, name: &str, shape: &[usize]) -> Stored {
    let less_one = config.norm_offset && is_norm(name);
    let whole = || Stored {
        name: name.to_owned(),
        rows: None,
        total_rows: shape.first().copied().unwrap_or(0),
        less_one,
    };
    if config.architecture != Architecture::Phi3 {
        return whole();
    }
    let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let inner = config.intermediate_size;
    let parts = [
        ("q_proj", "qkv_proj", 0..q, q + 2 * kv),
        ("k_proj", "qkv_proj", q..q + kv, q + 2 * kv),
        ("v_proj", "qkv_proj", q + kv..q + 2 * kv, q + 2 * kv),
        ("gate_proj", "gate_up_proj", 0..inner, 2 * inner),
        ("up_proj", "gate_up_proj", inner..2 * inner, 2 * inner),
    ];
    let of = |part: &str| name.ends_with(&format!(".{part}.weight"));
    match parts.into_iter().find(|(part, ..)| of(part)) {
        Some((part, fused, rows, total_rows)) => {
            Stored { name: name.replace(part, fused), rows: Some(rows), total_rows, less_one }
        }
        None => whole(),
    }
}

/// Whether a parameter stays f32 where the others are half as wide: norms are small, and what is
/// computed with them is f32 in any case.
pub(crate) fn stays_f32(name: &str) -> bool {
    is_norm(name)
}

fn is_norm(name: &str) -> bool {
    name.ends_with("norm.weight")
}

/// Cuts out the parameter, looks for values that are no numbers, and converts it to what is
/// computed in.
pub(crate) fn finish_tensor(
    tensor: Tensor,
    stored: &Stored,
    options: &LoadOptions,
) -> Result<Tensor, ModelError> {
    let mut tensor = match &stored.rows {
        // The product makes a copy, which does not keep the rest of the stored tensor alive.
        Some(rows) => {
            (tensor.narrow(0, rows.start, rows.len())?.to_dtype(DType::F32)?.contiguous()? * 1.0)?
        }
        None => tensor.to_dtype(DType::F32)?,
    };
    if stored.less_one {
        tensor = (tensor + 1.0)?;
    }
    if options.check_finite && !is_finite(&tensor)? {
        return Err(ModelError::NotFinite { name: stored.name.clone() });
    }
    match stays_f32(&stored.name) {
        true => Ok(tensor),
        false => Ok(tensor.to_dtype(options.precision.dtype())?),
    }
}

/// Says which tensors of the files are part of no computation here: the model may have been made
/// for a computation that has them, such as biases that the configuration does not mention.
pub(crate) fn warn_of_unused<'a>(names: impl IntoIterator<Item = &'a String>) {
    // Older versions of transformers stored these; they follow from the configuration.
    let known = |name: &str| DERIVED.iter().any(|end| name.ends_with(end));
    let unused: Vec<&String> = names.into_iter().filter(|name| !known(name)).collect();
    if let Some(first) = unused.first() {
        tracing::warn!(
            "{} tensors of the files are not used, such as `{first}`: the configuration does not \
             mention them, as it does not to transformers",
            unused.len()
        );
    }
}

/// Ends of the names of tensors that hold what the configuration says already.
const DERIVED: [&str; 3] = ["rotary_emb.inv_freq", "attn.masked_bias", "attention.masked_bias"];

/// Whether all values are finite. A sum of zeros times values is NaN exactly if one is not.
fn is_finite(tensor: &Tensor) -> Result<bool, ModelError> {
    let poisoned = (tensor * 0.0)?.sum_all()?.to_scalar::<f32>()?;
    Ok(poisoned == 0.0)
}
