//! Gradients of attention of one head of keys and the heads of queries that share it.

use std::ops::Range;

use super::attention::{LaneAttention, dots_with_rows};
use crate::cpu::line::{Line, room};
use crate::cpu::simd::vectorized;
use crate::cpu::vector::V;

/// A head of keys of sequences side by side, from position 0.
#[derive(Clone, Copy)]
pub(super) struct TrainingHead {
    pub(super) attention: LaneAttention,
    /// Positions of each sequence.
    pub(super) t: usize,
}

/// Memory that outlives a head; queries and what has their shape are `[t, group · d]`, keys and
/// values `[t, d]`.
#[derive(Default)]
pub(super) struct HeadScratch {
    pub(super) q: Vec<Line>,
    pub(super) k: Vec<Line>,
    pub(super) v: Vec<Line>,
    /// Gradient of the answers.
    pub(super) grad: Vec<Line>,
    /// Gradient of the queries; in the forward pass queries and then their answers.
    pub(super) dq: Vec<Line>,
    dk: Vec<Line>,
    dv: Vec<Line>,
    /// Weights of a head of queries, `[t, t]`.
    pub(super) weights: Vec<Line>,
    /// Gradients of its scores, likewise.
    slopes: Vec<Line>,
}

impl HeadScratch {
    /// How many lines of memory this holds.
    pub(super) fn lines(&self) -> usize {
        let Self { q, k, v, grad, dq, dk, dv, weights, slopes } = self;
        [q, k, v, grad, dq, dk, dv, weights, slopes].into_iter().map(Vec::capacity).sum()
    }

    /// What heads leave: for queries, keys and values.
    pub(super) fn results(&self) -> [&[Line]; 3] {
        [&self.dq, &self.dk, &self.dv]
    }
}

/// Some columns of rows of a width.
#[derive(Clone, Copy)]
struct Columns<'a> {
    rows: &'a [Line],
    width: usize,
    at: usize,
}

impl TrainingHead {
    /// Gradients in queries, keys and values of what they and the gradient of the answers are.
    pub(super) fn gradients(&self, scratch: &mut HeadScratch) {
        let (t, d, group) = (self.t, self.attention.width(), self.attention.group());
        room(&mut scratch.dq, t * group * d);
        room(&mut scratch.dk, t * d).fill(Line::ZERO);
        room(&mut scratch.dv, t * d).fill(Line::ZERO);
        room(&mut scratch.weights, t * t);
        room(&mut scratch.slopes, t * t);
        vectorized(
            #[inline(always)]
            || {
                for h in 0..group {
                    self.weigh(h, scratch);
                    self.slopes(h, scratch);
                    self.add_head(h, scratch);
                }
            },
        );
    }

    /// Width of the queries of a position.
    #[inline(always)]
    fn q_width(&self) -> usize {
        self.attention.group() * self.attention.width()
    }

    /// Positions that the query at `i` sees.
    #[inline(always)]
    fn seen(&self, i: usize) -> Range<usize> {
        self.attention.first_seen(i)..i + 1
    }

    /// Queries that see position `j`.
    #[inline(always)]
    fn seeing(&self, j: usize) -> Range<usize> {
        j..self.t.min(j.saturating_add(self.attention.window()))
    }

    /// Attention weights of a head, for all queries.
    #[inline(always)]
    fn weigh(&self, h: usize, scratch: &mut HeadScratch) {
        let (t, d) = (self.t, self.attention.width());
        let HeadScratch { q, k, weights, .. } = scratch;
        for i in 0..t {
            let q = &q[i * self.q_width() + h * d..][..d];
            let row = &mut weights[i * t..(i + 1) * t][self.seen(i)];
            self.attention.weigh(q, i, k, row);
        }
    }

    /// Gradients of a head's scores, for all queries, from its weights and the gradients of its
    /// answers.
    #[inline(always)]
    fn slopes(&self, h: usize, scratch: &mut HeadScratch) {
        let (simd, t, d) = (self.attention.simd(), self.t, self.attention.width());
        let scale = simd.splat(self.attention.scale());
        let HeadScratch { v, grad, weights, slopes, .. } = scratch;
        for i in 0..t {
            let seen = self.seen(i);
            let grad = &grad[i * self.q_width() + h * d..][..d];
            let weights = &weights[i * t..(i + 1) * t][seen.clone()];
            let slopes = &mut slopes[i * t..(i + 1) * t][seen.clone()];
            dots_with_rows(simd, grad, |j| &v[(seen.start + j) * d..][..d], slopes);
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
    fn add_head(&self, h: usize, scratch: &mut HeadScratch) {
        let (simd, t, d) = (self.attention.simd(), self.t, self.attention.width());
        let (width, at) = (self.q_width(), h * d);
        let HeadScratch { q, k, grad, dq, dk, dv, weights, slopes, .. } = scratch;
        for i in 0..t {
            let slope = |j: usize| &slopes[i * t + j];
            let out = &mut dq[i * width + at..][..d];
            self.combine(self.seen(i), slope, Columns { rows: k, width: d, at: 0 }, out);
        }
        let mut sums = [Line::ZERO; 8];
        for j in 0..t {
            for c in (0..d).step_by(8) {
                let count = (d - c).min(8);
                for (factors, rows, out) in [(&slopes, &q, &mut *dk), (&weights, &grad, &mut *dv)] {
                    let factor = |i: usize| &factors[i * t + j];
                    let columns = Columns { rows, width, at: at + c };
                    self.combine(self.seeing(j), factor, columns, &mut sums[..count]);
                    let out = &mut out[j * d + c..][..count];
                    for (out, sum) in out.iter_mut().zip(&sums) {
                        simd.load(out).add(simd.load(sum)).store(out);
                    }
                }
            }
        }
    }

    /// `out[c] = Σ_j factor(j) · rows[j][at + c]`.
    #[inline(always)]
    fn combine<'f>(
        &self,
        range: Range<usize>,
        factor: impl Fn(usize) -> &'f Line + Copy,
        x: Columns<'_>,
        out: &mut [Line],
    ) {
        let mut c = 0;
        while c + 8 <= out.len() {
            let x = Columns { at: x.at + c, ..x };
            self.combine_block::<8>(range.clone(), factor, x, &mut out[c..]);
            c += 8;
        }
        while c < out.len() {
            let x = Columns { at: x.at + c, ..x };
            self.combine_block::<1>(range.clone(), factor, x, &mut out[c..]);
            c += 1;
        }
    }

    /// Some columns of [`Self::combine`], whose sums stay in registers.
    #[inline(always)]
    fn combine_block<'f, const N: usize>(
        &self,
        range: Range<usize>,
        factor: impl Fn(usize) -> &'f Line,
        x: Columns<'_>,
        out: &mut [Line],
    ) {
        let simd = self.attention.simd();
        let mut sums: [V; N] = [simd.splat(0.0); N];
        for j in range {
            let w = simd.load(factor(j));
            let row = &x.rows[j * x.width + x.at..][..N];
            for n in 0..N {
                sums[n] = w.mul_add(simd.load(&row[n]), sums[n]);
            }
        }
        sums.into_iter().zip(out).for_each(|(sum, out)| sum.store(out));
    }
}
