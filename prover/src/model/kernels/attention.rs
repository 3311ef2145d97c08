//! Causal attention on the layout the projections produce, without transposing anything.
//!
//! Prompts of fingerprints are short, so scores of one query fit into a small buffer and the
//! backward pass recomputes them instead of storing `heads · t²` probabilities.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{elementwise::dot, exp, same_shape, values, with_values};

/// `softmax(q kᵀ / √d) v` under a causal mask; see [`super::Kernels::attention`] for shapes.
pub(super) struct CausalAttention;

#[derive(Debug, Clone, Copy)]
struct Dims {
    t: usize,
    s: usize,
    heads: usize,
    kv_heads: usize,
    d: usize,
    scale: f32,
}

impl Dims {
    fn new(q: &Shape, k: &Shape) -> Result<Self> {
        let (batch, t, heads, d) = q.dims4()?;
        let (k_batch, s, kv_heads, k_d) = k.dims4()?;
        if batch != k_batch || d != k_d || t > s || !heads.is_multiple_of(kv_heads) {
            candle_core::bail!("attention: queries {q:?} do not fit keys {k:?}");
        }
        #[expect(clippy::cast_precision_loss, reason = "head widths are far below 2^24")]
        let scale = 1.0 / (d as f32).sqrt();
        Ok(Self { t, s, heads, kv_heads, d, scale })
    }

    fn q_len(&self) -> usize {
        self.t * self.heads * self.d
    }

    fn k_len(&self) -> usize {
        self.s * self.kv_heads * self.d
    }

    /// Start of query `i` of head `h`.
    fn q_at(&self, i: usize, h: usize) -> usize {
        (i * self.heads + h) * self.d
    }

    /// Start of position `j` of the key/value head that serves head `h`.
    fn k_at(&self, j: usize, h: usize) -> usize {
        (j * self.kv_heads + h * self.kv_heads / self.heads) * self.d
    }

    /// Attention weights of query `i` of head `h` over the positions it may see.
    fn weights(&self, q: &[f32], k: &[f32], (i, h): (usize, usize), weights: &mut Vec<f32>) {
        let seen = self.s - self.t + i + 1;
        let at = self.q_at(i, h);
        let query = &q[at..at + self.d];
        weights.clear();
        weights.extend((0..seen).map(|j| {
            let at = self.k_at(j, h);
            dot(query, &k[at..at + self.d]) * self.scale
        }));
        let max = weights.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for w in weights.iter_mut() {
            *w = exp(*w - max);
            sum += *w;
        }
        for w in weights.iter_mut() {
            *w /= sum;
        }
    }

    /// One sequence of the batch.
    fn forward(&self, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32]) {
        let mut weights = Vec::with_capacity(self.s);
        for i in 0..self.t {
            for h in 0..self.heads {
                self.weights(q, k, (i, h), &mut weights);
                let at = self.q_at(i, h);
                let out = &mut out[at..at + self.d];
                for (j, &w) in weights.iter().enumerate() {
                    let at = self.k_at(j, h);
                    add_scaled(out, &v[at..at + self.d], w);
                }
            }
        }
    }

    /// Gradients of one sequence, added to `dq`, `dk`, `dv`.
    fn backward(
        &self,
        (q, k, v, grad): (&[f32], &[f32], &[f32], &[f32]),
        (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let mut weights = Vec::with_capacity(self.s);
        let mut d_weights = Vec::with_capacity(self.s);
        for i in 0..self.t {
            for h in 0..self.heads {
                self.weights(q, k, (i, h), &mut weights);
                let at = self.q_at(i, h);
                let (query, grad) = (&q[at..at + self.d], &grad[at..at + self.d]);
                d_weights.clear();
                for (j, &w) in weights.iter().enumerate() {
                    let k_at = self.k_at(j, h);
                    d_weights.push(dot(grad, &v[k_at..k_at + self.d]));
                    add_scaled(&mut dv[k_at..k_at + self.d], grad, w);
                }
                let mean = dot(&weights, &d_weights);
                for (j, (&w, &dw)) in weights.iter().zip(&d_weights).enumerate() {
                    let k_at = self.k_at(j, h);
                    let d_score = w * (dw - mean) * self.scale;
                    add_scaled(&mut dq[at..at + self.d], &k[k_at..k_at + self.d], d_score);
                    add_scaled(&mut dk[k_at..k_at + self.d], query, d_score);
                }
            }
        }
    }
}

#[inline]
fn add_scaled(out: &mut [f32], x: &[f32], scale: f32) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += scale * x;
    }
}

impl CustomOp3 for CausalAttention {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let dims = Dims::new(q_layout.shape(), k_layout.shape())?;
        let (q, k, v) = (values(q, q_layout)?, values(k, k_layout)?, values(v, v_layout)?);
        let (q_len, k_len) = (dims.q_len(), dims.k_len());
        let mut out = vec![0.0; q.len()];
        out.par_chunks_mut(q_len)
            .zip(q.par_chunks(q_len))
            .zip(k.par_chunks(k_len).zip(v.par_chunks(k_len)))
            .for_each(|((out, q), (k, v))| dims.forward(q, k, v, out));
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dims = Dims::new(q.shape(), k.shape())?;
        let (q_len, k_len) = (dims.q_len(), dims.k_len());
        let mut dq = vec![0.0; q.elem_count()];
        let mut dk = vec![0.0; k.elem_count()];
        let mut dv = vec![0.0; v.elem_count()];
        let operands = Operands::read(q, k, v, grad)?;
        dq.par_chunks_mut(q_len)
            .zip(dk.par_chunks_mut(k_len).zip(dv.par_chunks_mut(k_len)))
            .enumerate()
            .for_each(|(b, (dq, (dk, dv)))| {
                dims.backward(operands.sequence(b, q_len, k_len), (dq, dk, dv));
            });
        Ok((Some(same_shape(dq, q)?), Some(same_shape(dk, k)?), Some(same_shape(dv, v)?)))
    }
}

/// Copies of the four inputs of the backward pass; guards on the storages cannot cross threads.
struct Operands {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    grad: Vec<f32>,
}

impl Operands {
    fn read(q: &Tensor, k: &Tensor, v: &Tensor, grad: &Tensor) -> Result<Self> {
        let copy = |t: &Tensor| with_values(t, |values| Ok(values.to_vec()));
        Ok(Self { q: copy(q)?, k: copy(k)?, v: copy(v)?, grad: copy(grad)? })
    }

    fn sequence(&self, b: usize, q_len: usize, k_len: usize) -> (&[f32], &[f32], &[f32], &[f32]) {
        let (q, k) = (b * q_len..(b + 1) * q_len, b * k_len..(b + 1) * k_len);
        (&self.q[q.clone()], &self.k[k.clone()], &self.v[k], &self.grad[q])
    }
}
