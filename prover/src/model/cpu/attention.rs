//! Causal attention on the layout that the projections produce, without transposing anything.
//!
//! Prompts of fingerprints are short, so the scores of one query fit into a small buffer and the
//! backward pass recomputes them instead of storing `heads · t²` weights.

use super::ops::{add_scaled, as_f32, dot, exp};
use crate::model::ModelConfig;

/// Shape of one sequence: the last `t` of `s` positions ask, all `s` answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attention {
    t: usize,
    s: usize,
    heads: usize,
    kv_heads: usize,
    d: usize,
}

impl Attention {
    pub(super) fn new(config: &ModelConfig, t: usize, s: usize) -> Self {
        let ModelConfig { heads, kv_heads, head_dim, .. } = *config;
        Self { t, s, heads, kv_heads, d: head_dim }
    }

    fn scale(&self) -> f32 {
        1.0 / as_f32(self.d).sqrt()
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
        let scale = self.scale();
        weights.clear();
        weights.extend((0..seen).map(|j| {
            let at = self.k_at(j, h);
            dot(query, &k[at..at + self.d]) * scale
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

    /// Adds `softmax(q kᵀ / √d) v` of `q: [t, heads, d]`, `k, v: [s, kv_heads, d]` to `out`.
    pub(super) fn forward(&self, q: &[f32], k: &[f32], v: &[f32], out: &mut [f32]) {
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

    /// Gradients of [`Attention::forward`], added to `dq`, `dk`, `dv`.
    pub(super) fn backward(
        &self,
        (q, k, v, grad): (&[f32], &[f32], &[f32], &[f32]),
        (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let mut weights = Vec::with_capacity(self.s);
        let mut d_weights = Vec::with_capacity(self.s);
        let scale = self.scale();
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
                    let d_score = w * (dw - mean) * scale;
                    add_scaled(&mut dq[at..at + self.d], &k[k_at..k_at + self.d], d_score);
                    add_scaled(&mut dk[k_at..k_at + self.d], query, d_score);
                }
            }
        }
    }
}
