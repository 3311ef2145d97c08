//! Causal attention of one sequence on the layout that the projections produce.
//!
//! Prompts of fingerprints are short, so keys are transposed once per sequence and head, the scores
//! of a query are one row of a small buffer, and the backward pass recomputes them instead of
//! storing `heads · t²` weights.

use crate::cpu::heads::{HeadRowGradients, HeadRows};
use crate::cpu::math::{add_scaled, dot, exp, max_lanes, sum_lanes, tanh};
use crate::cpu::simd::vectorized;
use crate::model::ModelConfig;

/// Shape of one sequence: some of its `s` positions ask, all may answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct RowAttention {
    s: usize,
    heads: usize,
    kv_heads: usize,
    d: usize,
    scale: f32,
    /// Scores become `cap · tanh(score / cap)` where the model does that.
    cap: Option<f32>,
    /// Positions that a query sees, itself included.
    window: usize,
}

/// Buffers that outlive a sequence.
#[derive(Debug, Default)]
pub(in crate::cpu) struct RowScratch {
    /// Keys of a head, `[d, positions]`, padded to whole vectors.
    keys: Vec<f32>,
    /// Values of a head likewise; only for gradients.
    values: Vec<f32>,
    weights: Vec<f32>,
    d_weights: Vec<f32>,
    /// `1 - tanh²` per score, where scores are capped.
    slopes: Vec<f32>,
}

/// Positions are padded to multiples of this, so that loops over them need no remainder.
const LANES: usize = 16;

impl RowAttention {
    /// `window` limits what a query sees to that many positions.
    pub(in crate::cpu) fn new(config: &ModelConfig, s: usize, window: Option<usize>) -> Self {
        let ModelConfig { heads, kv_heads, head_dim, .. } = *config;
        Self {
            s,
            heads,
            kv_heads,
            d: head_dim,
            scale: config.attention_scale(),
            cap: config.attention_cap,
            window: window.unwrap_or(usize::MAX),
        }
    }

    /// Start of query `i` of head `h`.
    #[inline(always)]
    fn q_at(&self, i: usize, h: usize) -> usize {
        (i * self.heads + h) * self.d
    }

    /// Start of position `j` of key/value head `h`.
    #[inline(always)]
    fn k_at(&self, j: usize, h: usize) -> usize {
        (j * self.kv_heads + h) * self.d
    }

    #[inline(always)]
    fn padded(&self) -> usize {
        self.s.next_multiple_of(LANES)
    }

    /// Copies a head of `x: [s, kv_heads, d]` as `[d, padded]`.
    #[inline(always)]
    fn transpose(&self, x: &[f32], h: usize, out: &mut Vec<f32>) {
        let padded = self.padded();
        out.clear();
        out.resize(self.d * padded, 0.0);
        for j in 0..self.s {
            let at = self.k_at(j, h);
            for (c, &value) in x[at..at + self.d].iter().enumerate() {
                out[c * padded + j] = value;
            }
        }
    }

    /// Positions that a query at `position` sees.
    #[inline(always)]
    fn seen(&self, position: usize) -> std::ops::Range<usize> {
        let end = position + 1;
        end.saturating_sub(self.window)..end
    }

    /// Attention weights of a query over all positions up to its own, padded.
    #[inline(always)]
    fn weigh(&self, query: &[f32], position: usize, scratch: &mut RowScratch) {
        let seen = self.seen(position);
        let RowScratch { keys, weights, slopes, .. } = scratch;
        weights.resize(seen.end.next_multiple_of(LANES), 0.0);
        combine_rows(query, keys, self.padded(), weights);
        for w in weights.iter_mut() {
            *w *= self.scale;
        }
        if let Some(cap) = self.cap {
            slopes.clear();
            slopes.extend(weights.iter_mut().map(|w| {
                let squashed = tanh(*w / cap);
                *w = cap * squashed;
                1.0 - squashed * squashed
            }));
        }
        // What is far below the largest score gets a weight of about 1e-38, as good as none.
        weights[..seen.start].fill(f32::NEG_INFINITY);
        weights[seen.end..].fill(f32::NEG_INFINITY);
        let mut tops = [f32::NEG_INFINITY; LANES];
        for block in weights.chunks_exact(LANES) {
            for (top, &w) in tops.iter_mut().zip(block) {
                *top = if w > *top { w } else { *top };
            }
        }
        let max = max_lanes(tops);
        let mut sums = [0.0_f32; LANES];
        for block in weights.chunks_exact_mut(LANES) {
            for (sum, w) in sums.iter_mut().zip(block) {
                *w = exp(*w - max);
                *sum += *w;
            }
        }
        let inverse = 1.0 / sum_lanes(sums);
        for w in weights.iter_mut() {
            *w *= inverse;
        }
    }

    /// Adds `softmax(q kᵀ · scale) v` of `q: [asking, heads, d]`, `k, v: [s, kv_heads, d]` to
    /// `out`; `asking` names the position of each query.
    pub(in crate::cpu) fn forward(
        &self,
        asking: &[usize],
        x: HeadRows<'_>,
        out: &mut [f32],
        scratch: &mut RowScratch,
    ) {
        vectorized(
            #[inline(always)]
            || self.forward_inlined(asking, x, out, scratch),
        );
    }

    #[inline(always)]
    fn forward_inlined(
        &self,
        asking: &[usize],
        HeadRows { q, k, v }: HeadRows<'_>,
        out: &mut [f32],
        scratch: &mut RowScratch,
    ) {
        let group = self.heads / self.kv_heads;
        for kv in 0..self.kv_heads {
            self.transpose(k, kv, &mut scratch.keys);
            for h in kv * group..(kv + 1) * group {
                for (i, &position) in asking.iter().enumerate() {
                    let at = self.q_at(i, h);
                    self.weigh(&q[at..at + self.d], position, scratch);
                    let out = &mut out[at..at + self.d];
                    self.mix(&scratch.weights, v, kv, position, out);
                }
            }
        }
    }

    /// Gradients of [`RowAttention::forward`], added to `dq`, `dk`, `dv`.
    pub(in crate::cpu) fn backward(
        &self,
        asking: &[usize],
        x: HeadRows<'_>,
        grad: &[f32],
        out: HeadRowGradients<'_>,
        scratch: &mut RowScratch,
    ) {
        vectorized(
            #[inline(always)]
            || self.backward_inlined(asking, x, grad, out, scratch),
        );
    }

    #[inline(always)]
    fn backward_inlined(
        &self,
        asking: &[usize],
        HeadRows { q, k, v }: HeadRows<'_>,
        grad: &[f32],
        HeadRowGradients { q: dq, k: dk, v: dv }: HeadRowGradients<'_>,
        scratch: &mut RowScratch,
    ) {
        let (group, padded) = (self.heads / self.kv_heads, self.padded());
        for kv in 0..self.kv_heads {
            self.transpose(k, kv, &mut scratch.keys);
            self.transpose(v, kv, &mut scratch.values);
            for h in kv * group..(kv + 1) * group {
                for (i, &position) in asking.iter().enumerate() {
                    let at = self.q_at(i, h);
                    let (query, grad) = (&q[at..at + self.d], &grad[at..at + self.d]);
                    self.weigh(query, position, scratch);
                    let RowScratch { values, weights, d_weights, slopes, .. } = &mut *scratch;
                    d_weights.resize(weights.len(), 0.0);
                    combine_rows(grad, values, padded, d_weights);
                    let mean = dot(weights, d_weights);
                    for (dw, &w) in d_weights.iter_mut().zip(weights.iter()) {
                        *dw = w * (*dw - mean) * self.scale;
                    }
                    if self.cap.is_some() {
                        d_weights.iter_mut().zip(slopes.iter()).for_each(|(dw, s)| *dw *= s);
                    }
                    self.mix(d_weights, k, kv, position, &mut dq[at..at + self.d]);
                    for j in self.seen(position) {
                        let k_at = self.k_at(j, kv);
                        add_scaled(&mut dv[k_at..k_at + self.d], grad, weights[j]);
                        add_scaled(&mut dk[k_at..k_at + self.d], query, d_weights[j]);
                    }
                }
            }
        }
    }

    /// Adds the rows of a head of `x: [s, kv_heads, d]` that a position sees, weighted.
    #[inline(always)]
    fn mix(&self, weights: &[f32], x: &[f32], kv: usize, position: usize, out: &mut [f32]) {
        let mut c = 0;
        while c + 16 <= self.d {
            self.mix_block::<16>(weights, &x[c..], kv, position, &mut out[c..c + 16]);
            c += 16;
        }
        while c + 8 <= self.d {
            self.mix_block::<8>(weights, &x[c..], kv, position, &mut out[c..c + 8]);
            c += 8;
        }
        while c < self.d {
            self.mix_block::<1>(weights, &x[c..], kv, position, &mut out[c..=c]);
            c += 1;
        }
    }

    /// The first dimensions of [`Self::mix`], whose sums stay in registers.
    #[inline(always)]
    fn mix_block<const N: usize>(
        &self,
        weights: &[f32],
        x: &[f32],
        kv: usize,
        position: usize,
        out: &mut [f32],
    ) {
        let mut sums = [0.0_f32; N];
        let seen = self.seen(position);
        for (j, &w) in seen.clone().zip(&weights[seen]) {
            let at = self.k_at(j, kv);
            for (sum, x) in sums.iter_mut().zip(&x[at..at + N]) {
                *sum += w * x;
            }
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out += sum);
    }
}

/// `out[j] = Σ_c factors[c] · rows[c, j]` for rows of a width; `out` holds a multiple of [`LANES`].
#[inline(always)]
fn combine_rows(factors: &[f32], rows: &[f32], width: usize, out: &mut [f32]) {
    for (block, out) in out.chunks_exact_mut(LANES).enumerate() {
        let mut sums = [0.0_f32; LANES];
        for (c, &factor) in factors.iter().enumerate() {
            let at = c * width + block * LANES;
            for (sum, x) in sums.iter_mut().zip(&rows[at..at + LANES]) {
                *sum += factor * x;
            }
        }
        out.copy_from_slice(&sums);
    }
}
