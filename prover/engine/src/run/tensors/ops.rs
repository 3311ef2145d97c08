//! Operations of a decoder composed from the tensor library's differentiable ones, for any device.

use candle_core::{D, DType, Device, Result, Tensor};

/// `x / rms(x) · w` over the last dimension; in f32, whatever type `x` has.
pub(crate) fn rms_norm(x: &Tensor, w: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(DType::F32)?;
    let mean_square = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(mean_square + eps)?.sqrt()?)?.broadcast_mul(w)?.to_dtype(dtype)
}

/// How scores are made of queries and keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scores {
    /// Factor on inner products.
    pub(crate) scale: f64,
    /// Scores become `cap · tanh(score / cap)`; `None` leaves them.
    pub(crate) cap: Option<f32>,
    /// Positions that a query sees, itself included.
    pub(crate) window: Option<usize>,
}

/// Causal attention of `q: [batch, t, heads, d]` over `k, v: [batch, s, kv_heads, d]`, where the
/// queries are the last `t` of `s` positions. Result like `q`; scores are f32 in between.
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, how: Scores) -> Result<Tensor> {
    let (batch, t, heads, d) = q.dims4()?;
    let (_, s, kv_heads, _) = k.dims4()?;
    let group = heads / kv_heads;
    // Query heads that share a key/value head become extra rows of one product.
    let q = q.transpose(1, 2)?.contiguous()?.reshape((batch, kv_heads, group * t, d))?;
    let k = k.transpose(1, 2)?.contiguous()?;
    let v = v.transpose(1, 2)?.contiguous()?;
    let scores = q.matmul(&k.transpose(2, 3)?.contiguous()?)?.to_dtype(DType::F32)?;
    let scores = (scores * how.scale)?;
    let scores = match how.cap {
        Some(cap) => soft_cap(&scores, cap)?,
        None => scores,
    };
    let mask = causal_mask(t, s, how.window, q.device())?;
    let scores = scores.reshape((batch, kv_heads, group, t, s))?.broadcast_add(&mask)?;
    let weights = softmax(&scores)?.reshape((batch, kv_heads, group * t, s))?;
    let weights = weights.to_dtype(v.dtype())?;
    weights.matmul(&v)?.reshape((batch, heads, t, d))?.transpose(1, 2)?.contiguous()
}

/// `cap · tanh(x / cap)`.
pub(crate) fn soft_cap(x: &Tensor, cap: f32) -> Result<Tensor> {
    let cap = f64::from(cap);
    (x / cap)?.tanh()? * cap
}

/// 0 where query `i` of the last `t` positions may look, minus infinity elsewhere.
fn causal_mask(t: usize, s: usize, window: Option<usize>, device: &Device) -> Result<Tensor> {
    let offset = s - t;
    let seen = |i: usize, j: usize| j <= offset + i && window.is_none_or(|w| j + w > offset + i);
    let mask: Vec<f32> = (0..t)
        .flat_map(|i| (0..s).map(move |j| if seen(i, j) { 0.0 } else { f32::NEG_INFINITY }))
        .collect();
    Tensor::from_vec(mask, (1, 1, 1, t, s), device)
}

/// The lowest index of the largest value of each row, `[rows]` of u32, found where the rows are;
/// the width of the rows for one without a largest value, which holds NaN.
pub(crate) fn argmax_rows(rows: &Tensor) -> Result<Tensor> {
    let (_, width) = rows.dims2()?;
    let largest = rows.broadcast_eq(&rows.max_keepdim(D::Minus1)?)?;
    let width = u32::try_from(width).map_err(candle_core::Error::wrap)?;
    let indices = Tensor::arange(0, width, rows.device())?.broadcast_as(rows.shape())?;
    let none = Tensor::full(width, rows.shape(), rows.device())?;
    largest.where_cond(&indices, &none)?.min(D::Minus1)
}

fn softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    let exps = shifted.exp()?;
    exps.broadcast_div(&exps.sum_keepdim(D::Minus1)?)
}

/// `-Σ wanted · log softmax(row)` per row, for rows of probabilities `wanted`.
pub(crate) fn cross_entropy(logits: &Tensor, wanted: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    (shifted.broadcast_sub(&log_sum)? * wanted)?.sum(D::Minus1)?.neg()
}
