//! Stretched rotary frequencies of GGUF files, as the `rope_scaling` that they stand for.
//!
//! Converters write the frequencies of Llama 3.1 as divisors per pair of dimensions
//! (`rope_freqs.weight`) and those of Phi 3 as one list for short and one for long contexts. Both
//! are what Hugging Face calls `longrope`; in this form they survive saving.

use serde_json::{Map, Value as Json, json};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use candle_core::quantized::GgmlDType;

use super::fields::Fields;
use crate::ModelError;

/// Most divisors: half of the widest head that makes sense.
const MAX_DIVISORS: usize = 1 << 16;

/// Adds what the file says of rotary frequencies to the configuration.
pub(super) fn read(
    fields: &Fields<'_>,
    architecture: &str,
    file: &mut File,
    raw: &mut Map<String, Json>,
) -> Result<(), ModelError> {
    let at = |name: &str| format!("{architecture}.rope.{name}");
    rotated_share(fields, &at("dimension_count"), raw)?;
    let kind = fields.optional_text(&at("scaling.type"))?;
    let older = fields.number(&at("scale_linear"))?;
    let factor = fields.number(&at("scaling.factor"))?.or(older).filter(|factor| *factor != 0.0);
    let attention = fields.number(&at("scaling.attn_factor"))?;
    let plain = factor.is_none_or(|factor| factor == 1.0);
    let positions = raw.get("max_position_embeddings").cloned();
    let original = fields.count(&at("scaling.original_context_length"))?.map(|n| json!(n));
    let original = original.or_else(|| positions.clone());
    let whole = divisors(fields, "rope_freqs.weight", file)?;
    let short = divisors(fields, "rope_factors_short.weight", file)?;
    let long = divisors(fields, "rope_factors_long.weight", file)?;
    let scaling = match (kind, whole, short, long) {
        (None | Some("none"), Some(divisors), None, None) if plain => json!({
            "rope_type": "longrope", "short_factor": divisors, "long_factor": divisors,
            "attention_factor": 1.0, "original_max_position_embeddings": positions,
        }),
        (None | Some("none" | "longrope"), None, Some(short), Some(long)) => json!({
            "rope_type": "longrope", "short_factor": short, "long_factor": long,
            "attention_factor": attention.unwrap_or(1.0),
            "original_max_position_embeddings": original,
        }),
        (None | Some("none"), None, None, None) if plain => return Ok(()),
        (None | Some("linear"), None, None, None) => {
            json!({ "rope_type": "linear", "factor": factor.unwrap_or(1.0) })
        }
        (Some("yarn"), None, None, None) => {
            if attention.is_some_and(|factor| factor != 1.0) {
                return Err(fields.wrong(&at("scaling.attn_factor"), "1 or absent beside yarn"));
            }
            let factor = factor.unwrap_or(1.0);
            json!({ "rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original })
        }
        (kind, whole, short, long) => {
            let there = [whole, short, long].map(|tensor| tensor.is_some());
            return Err(unsupported(fields, kind, factor, there));
        }
    };
    raw.insert("rope_scaling".to_owned(), scaling);
    Ok(())
}

/// A combination of a kind and of tensors that stands for nothing known.
fn unsupported(
    fields: &Fields<'_>,
    kind: Option<&str>,
    factor: Option<f64>,
    there: [bool; 3],
) -> ModelError {
    let names = ["rope_freqs", "rope_factors_short", "rope_factors_long"].into_iter().zip(there);
    let there: Vec<&str> = names.filter(|(_, there)| *there).map(|(name, _)| name).collect();
    let (kind, factor) = (kind.unwrap_or("none"), factor.unwrap_or(1.0));
    fields.invalid(format!(
        "rope scaling `{kind}` with factor {factor} and the tensors {there:?} is not supported"
    ))
}

/// Dimensions of a head that are rotated, where not all are.
fn rotated_share(
    fields: &Fields<'_>,
    key: &str,
    raw: &mut Map<String, Json>,
) -> Result<(), ModelError> {
    let Some(rotated) = fields.count(key)? else { return Ok(()) };
    let of = |name: &str| raw.get(name).and_then(Json::as_u64);
    let per_head = of("hidden_size").zip(of("num_attention_heads")).filter(|(_, n)| *n > 0);
    let head = of("head_dim").or(per_head.map(|(hidden, heads)| hidden / heads)).unwrap_or(0);
    if rotated == 0 || rotated > head || rotated % 2 != 0 {
        let wanted = format!("an even number of 2 to {head}, the width of a head");
        return Err(fields.wrong(key, &wanted));
    }
    if rotated < head {
        // Both are far below 2^53: `head` is within a dimension that the configuration checks.
        #[expect(clippy::cast_precision_loss, reason = "widths of heads are exact")]
        let share = rotated as f64 / head as f64;
        raw.insert("partial_rotary_factor".to_owned(), json!(share));
    }
    Ok(())
}

/// Numbers of a small f32 tensor; `None` if the file has no such.
fn divisors(
    fields: &Fields<'_>,
    name: &str,
    file: &mut File,
) -> Result<Option<Vec<f32>>, ModelError> {
    let Some(info) = fields.header.tensors.get(name) else { return Ok(None) };
    let invalid = |what: String| fields.invalid(format!("tensor `{name}` {what}"));
    if info.kind != GgmlDType::F32 || info.shape.len() != 1 || info.shape[0] > MAX_DIVISORS {
        return Err(invalid(format!(
            "is {:?} of shape {:?}, not a list of F32",
            info.kind, info.shape
        )));
    }
    let mut bytes = vec![0_u8; info.bytes];
    file.seek(SeekFrom::Start(fields.header.data_start + info.offset))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|e| invalid(format!("is cut off: {e}")).because(e))?;
    let number = |b: &[u8]| b.try_into().map_or(f32::NAN, f32::from_le_bytes);
    let numbers: Vec<f32> = bytes.chunks_exact(4).map(number).collect();
    match numbers.iter().find(|n| !(n.is_finite() && **n > 0.0)) {
        Some(n) => Err(invalid(format!("holds {n}: divisors must be above 0"))),
        None => Ok(Some(numbers)),
    }
}
