//! Attention of the training passes, whose activations lie row by row: copied into lanes, one per
//! sequence, computed there, and copied back.
//!
//! Heads of small models are narrower than a vector register and prompts shorter than one, so working
//! along either leaves most lanes idle; across sequences none is. The copies cost a tenth of what that saves.

use super::kernel::Line;
use super::vector::{Simd, V};
use super::{LANES, room};
use crate::model::ModelConfig;
use crate::model::cpu::simd::vectorized;

/// Shape of attention over whole sequences from position 0.
#[derive(Clone, Copy)]
pub(in super::super) struct RowAttention {
    simd: Simd,
    heads: usize,
    kv_heads: usize,
    d: usize,
    scale: f32,
    window: usize,
    /// Positions of each sequence.
    t: usize,
}

/// Longer sequences would need too much memory for all their scores.
const LONGEST: usize = 64;

/// Fewer sequences than this are not worth lanes.
const FEWEST: usize = 8;

/// Memory that outlives a call.
#[derive(Default)]
pub(in super::super) struct RowScratch {
    q: Vec<Line>,
    k: Vec<Line>,
    v: Vec<Line>,
    grad: Vec<Line>,
    dq: Vec<Line>,
    dk: Vec<Line>,
    dv: Vec<Line>,
    /// Weights and gradients of scores of a head, `[t, t]`.
    weights: Vec<Line>,
    slopes: Vec<Line>,
}

impl RowAttention {
    /// `None` where lanes don't serve: too few or too long sequences, capped scores, another processor.
    pub(in super::super) fn new(
        config: &ModelConfig,
        layer: usize,
        (n, t): (usize, usize),
    ) -> Option<Self> {
        if n < FEWEST || t > LONGEST || config.attention_cap.is_some() {
            return None;
        }
        Some(Self {
            simd: Simd::new()?,
            heads: config.heads,
            kv_heads: config.kv_heads,
            d: config.head_dim,
            scale: config.attention_scale(),
            window: config.window(layer).unwrap_or(usize::MAX),
            t,
        })
    }

    /// Writes `softmax(q kᵀ · scale) v` of `q: [n · t, heads, d]`, `k, v: [n · t, kv_heads, d]`.
    pub(in super::super) fn forward(
        &self,
        (q, k, v): (&[f32], &[f32], &[f32]),
        out: &mut [f32],
        scratch: &mut RowScratch,
    ) {
        let (q_width, kv_width) = (self.heads * self.d, self.kv_heads * self.d);
        let (q_len, kv_len) = (LANES * self.t * q_width, LANES * self.t * kv_width);
        let inputs = q.chunks(q_len).zip(k.chunks(kv_len)).zip(v.chunks(kv_len));
        for (((q, k), v), out) in inputs.zip(out.chunks_mut(q_len)) {
            self.gather(q, q_width, &mut scratch.q);
            self.gather(k, kv_width, &mut scratch.k);
            self.gather(v, kv_width, &mut scratch.v);
            room(&mut scratch.dq, self.t * q_width);
            room(&mut scratch.weights, self.t * self.t);
            vectorized(
                #[inline(always)]
                || {
                    for h in 0..self.heads {
                        self.weigh(h, scratch);
                        let (q, kv) = self.starts(h);
                        let RowScratch { v, weights, dq, .. } = &mut *scratch;
                        for i in 0..self.t {
                            let weights = |j: usize| &weights[i * self.t + j];
                            let rows = (&v[..], kv_width, kv);
                            let out = &mut dq[i * q_width + q..][..self.d];
                            self.combine(self.seen(i), weights, rows, out);
                        }
                    }
                },
            );
            self.scatter(&scratch.dq, q_width, out);
        }
    }

    /// Gradients of [`Self::forward`] in queries, keys and values, written.
    pub(in super::super) fn backward(
        &self,
        (q, k, v, grad): (&[f32], &[f32], &[f32], &[f32]),
        (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
        scratch: &mut RowScratch,
    ) {
        let (q_width, kv_width) = (self.heads * self.d, self.kv_heads * self.d);
        let (q_len, kv_len) = (LANES * self.t * q_width, LANES * self.t * kv_width);
        let inputs = q.chunks(q_len).zip(grad.chunks(q_len));
        let inputs = inputs.zip(k.chunks(kv_len).zip(v.chunks(kv_len)));
        let outputs = dk.chunks_mut(kv_len).zip(dv.chunks_mut(kv_len));
        for (((q, grad), (k, v)), (dq, (dk, dv))) in inputs.zip(dq.chunks_mut(q_len).zip(outputs)) {
            self.gather(q, q_width, &mut scratch.q);
            self.gather(grad, q_width, &mut scratch.grad);
            self.gather(k, kv_width, &mut scratch.k);
            self.gather(v, kv_width, &mut scratch.v);
            room(&mut scratch.dq, self.t * q_width);
            room(&mut scratch.dk, self.t * kv_width).fill(Line::ZERO);
            room(&mut scratch.dv, self.t * kv_width).fill(Line::ZERO);
            room(&mut scratch.weights, self.t * self.t);
            room(&mut scratch.slopes, self.t * self.t);
            vectorized(
                #[inline(always)]
                || {
                    for h in 0..self.heads {
                        self.weigh(h, scratch);
                        self.slopes(h, scratch);
                        self.head_gradients(h, scratch);
                    }
                },
            );
            self.scatter(&scratch.dq, q_width, dq);
            self.scatter(&scratch.dk, kv_width, dk);
            self.scatter(&scratch.dv, kv_width, dv);
        }
    }

    /// Where a head starts within a position's queries, and within its keys and values.
    #[inline(always)]
    fn starts(&self, h: usize) -> (usize, usize) {
        (h * self.d, h / (self.heads / self.kv_heads) * self.d)
    }

    /// Positions that the query at `i` sees.
    #[inline(always)]
    fn seen(&self, i: usize) -> std::ops::Range<usize> {
        (i + 1).saturating_sub(self.window)..i + 1
    }

    /// Queries that see position `j`.
    #[inline(always)]
    fn seeing(&self, j: usize) -> std::ops::Range<usize> {
        j..self.t.min(j.saturating_add(self.window))
    }

    /// Attention weights of a head, for all queries.
    #[inline(always)]
    fn weigh(&self, h: usize, scratch: &mut RowScratch) {
        let (simd, t) = (self.simd, self.t);
        let (q_width, kv_width) = (self.heads * self.d, self.kv_heads * self.d);
        let (q_at, k_at) = self.starts(h);
        let scale = simd.splat(self.scale);
        let RowScratch { q, k, weights, .. } = scratch;
        for i in 0..t {
            let seen = self.seen(i);
            let q = &q[i * q_width + q_at..][..self.d];
            let row = &mut weights[i * t..(i + 1) * t][seen.clone()];
            self.dots(q, (k, kv_width, k_at), seen.start, row);
            let mut top = simd.splat(f32::NEG_INFINITY);
            for w in row.iter_mut() {
                let score = simd.load(w).mul(scale);
                top = top.max(score);
                score.store(w);
            }
            let mut sum = simd.splat(0.0);
            for w in row.iter_mut() {
                let power = simd.exp(simd.load(w).sub(top));
                sum = sum.add(power);
                power.store(w);
            }
            let inverse = simd.inverse(sum);
            row.iter_mut().for_each(|w| simd.load(w).mul(inverse).store(w));
        }
    }

    /// Gradients of a head's scores, for all queries, from its weights and the gradients of its output.
    #[inline(always)]
    fn slopes(&self, h: usize, scratch: &mut RowScratch) {
        let (simd, t) = (self.simd, self.t);
        let (q_width, kv_width) = (self.heads * self.d, self.kv_heads * self.d);
        let (q_at, v_at) = self.starts(h);
        let scale = simd.splat(self.scale);
        let RowScratch { v, grad, weights, slopes, .. } = scratch;
        for i in 0..t {
            let seen = self.seen(i);
            let grad = &grad[i * q_width + q_at..][..self.d];
            let weights = &weights[i * t..(i + 1) * t][seen.clone()];
            let slopes = &mut slopes[i * t..(i + 1) * t][seen.clone()];
            self.dots(grad, (v, kv_width, v_at), seen.start, slopes);
            let mut mean = simd.splat(0.0);
            for (w, slope) in weights.iter().zip(slopes.iter()) {
                mean = simd.load(w).mul_add(simd.load(slope), mean);
            }
            for (w, slope) in weights.iter().zip(slopes) {
                simd.load(slope).sub(mean).mul(simd.load(w)).mul(scale).store(slope);
            }
        }
    }

    /// Gradients of a head's queries (written), keys and values (added).
    #[inline(always)]
    fn head_gradients(&self, h: usize, scratch: &mut RowScratch) {
        let t = self.t;
        let (q_width, kv_width) = (self.heads * self.d, self.kv_heads * self.d);
        let (q_at, kv_at) = self.starts(h);
        let RowScratch { q, k, grad, dq, dk, dv, weights, slopes, .. } = scratch;
        for i in 0..t {
            let slopes = |j: usize| &slopes[i * t + j];
            let out = &mut dq[i * q_width + q_at..][..self.d];
            self.combine(self.seen(i), slopes, (k, kv_width, kv_at), out);
        }
        let mut sums = [Line::ZERO; 8];
        for j in 0..t {
            for c in (0..self.d).step_by(8) {
                let count = (self.d - c).min(8);
                for (factors, rows, out) in [(&slopes, &q, &mut *dk), (&weights, &grad, &mut *dv)] {
                    let factor = |i: usize| &factors[i * t + j];
                    let rows = (&rows[..], q_width, q_at + c);
                    self.combine(self.seeing(j), factor, rows, &mut sums[..count]);
                    let out = &mut out[j * kv_width + kv_at + c..][..count];
                    for (out, sum) in out.iter_mut().zip(&sums) {
                        self.simd.load(out).add(self.simd.load(sum)).store(out);
                    }
                }
            }
        }
    }

    /// `out[i] = x · rows[from + i]`, for lines `at..at + d` of rows of a width.
    #[inline(always)]
    fn dots(
        &self,
        x: &[Line],
        (rows, width, at): (&[Line], usize, usize),
        from: usize,
        out: &mut [Line],
    ) {
        let row = |j: usize| &rows[(from + j) * width + at..][..x.len()];
        let mut fours = out.chunks_exact_mut(4);
        let mut j = 0;
        for out in &mut fours {
            let sums = super::attention::dots(self.simd, x, [0, 1, 2, 3].map(|i| row(j + i)));
            sums.into_iter().zip(out).for_each(|(sum, out)| sum.store(out));
            j += 4;
        }
        for out in fours.into_remainder() {
            let [sum] = super::attention::dots(self.simd, x, [row(j)]);
            sum.store(out);
            j += 1;
        }
    }

    /// `out[c] = Σ_j factor(j) · rows[j][at + c]`.
    #[inline(always)]
    fn combine<'f>(
        &self,
        range: std::ops::Range<usize>,
        factor: impl Fn(usize) -> &'f Line + Copy,
        (rows, width, at): (&[Line], usize, usize),
        out: &mut [Line],
    ) {
        let mut c = 0;
        while c + 8 <= out.len() {
            self.combine_block::<8>(range.clone(), factor, (rows, width, at + c), &mut out[c..]);
            c += 8;
        }
        while c < out.len() {
            self.combine_block::<1>(range.clone(), factor, (rows, width, at + c), &mut out[c..]);
            c += 1;
        }
    }

    /// Some dimensions of [`Self::combine`], whose sums stay in registers.
    #[inline(always)]
    fn combine_block<'f, const N: usize>(
        &self,
        range: std::ops::Range<usize>,
        factor: impl Fn(usize) -> &'f Line,
        (rows, width, at): (&[Line], usize, usize),
        out: &mut [Line],
    ) {
        let mut sums: [V; N] = [self.simd.splat(0.0); N];
        for j in range {
            let (w, row) = (self.simd.load(factor(j)), &rows[j * width + at..][..N]);
            for n in 0..N {
                sums[n] = w.mul_add(self.simd.load(&row[n]), sums[n]);
            }
        }
        sums.into_iter().zip(out).for_each(|(sum, out)| sum.store(out));
    }

    /// Rows `[lanes, t, width]` as lines `[t, width]`; idle lanes repeat the first one.
    fn gather(&self, x: &[f32], width: usize, out: &mut Vec<Line>) {
        let out = room(out, self.t * width);
        let stride = self.t * width;
        let starts: [usize; LANES] =
            std::array::from_fn(|l| if l * stride < x.len() { l * stride } else { 0 });
        for (i, lines) in out.chunks_exact_mut(width).enumerate() {
            let rows = starts.map(|start| &x[start + i * width..][..width]);
            for (c, line) in lines.iter_mut().enumerate() {
                line.0 = std::array::from_fn(|l| rows[l][c]);
            }
        }
    }

    /// Lines `[t, width]` as rows `[lanes, t, width]`.
    fn scatter(&self, x: &[Line], width: usize, out: &mut [f32]) {
        for (l, rows) in out.chunks_exact_mut(self.t * width).enumerate() {
            rows.iter_mut().zip(x).for_each(|(out, line)| *out = line.0[l]);
        }
    }
}
