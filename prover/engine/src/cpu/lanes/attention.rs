//! Causal attention over panels: each lane is a sequence, so softmax needs no sums across lanes and
//! no position is computed that a query does not see.

use crate::cpu::line::{Line, room};
use crate::cpu::simd::vectorized;
use crate::cpu::vector::{Simd, V};
use crate::model::ModelConfig;

/// Keys or values: those that all sequences begin with, then a panel per position.
#[derive(Clone, Copy)]
pub(super) struct Past<'a> {
    /// What all sequences share, `[prefix, kv_width]`.
    pub(super) prefix: &'a [f32],
    /// What each has of its own, `[positions, kv_width]`.
    pub(super) panels: &'a [Line],
}

/// Shape of attention of sequences side by side.
#[derive(Clone, Copy)]
pub(super) struct LaneAttention {
    simd: Simd,
    /// Heads of queries per head of keys.
    group: usize,
    /// Width of a head.
    d: usize,
    /// Values per position of keys or values.
    width: usize,
    scale: f32,
    cap: Option<f32>,
    window: usize,
}

/// A head of the keys or values, and the positions that a query sees of it.
#[derive(Clone, Copy)]
struct Head<'a> {
    past: Past<'a>,
    /// Start of the head within a position.
    at: usize,
    /// First position seen, and how many are seen of the prefix.
    first: usize,
    shared: usize,
}

impl<'a> Head<'a> {
    /// Values of a position of the prefix, counted from the first one seen.
    #[inline(always)]
    fn prefix(&self, j: usize, width: usize, c: usize, count: usize) -> &'a [f32] {
        &self.past.prefix[(self.first + j) * width + self.at + c..][..count]
    }

    /// Lines of a position beyond the prefix, counted from the first one seen.
    #[inline(always)]
    fn panel(&self, j: usize, width: usize, c: usize, count: usize) -> &'a [Line] {
        let skipped = self.first + self.shared - self.past.prefix.len() / width;
        &self.past.panels[(skipped + j) * width + self.at + c..][..count]
    }
}

impl LaneAttention {
    pub(super) fn new(simd: Simd, config: &ModelConfig, layer: usize) -> Self {
        Self {
            simd,
            group: config.heads / config.kv_heads,
            d: config.head_dim,
            width: config.kv_heads * config.head_dim,
            scale: config.attention_scale(),
            cap: config.attention_cap,
            window: config.window(layer).unwrap_or(usize::MAX),
        }
    }

    /// The same for a single head of keys, taken apart from all others.
    pub(super) const fn of_one_head(self) -> Self {
        Self { width: self.d, ..self }
    }

    pub(super) const fn simd(&self) -> Simd {
        self.simd
    }

    /// Heads of queries per head of keys.
    pub(super) const fn group(&self) -> usize {
        self.group
    }

    /// Values per position of keys or values.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// What scores are multiplied by.
    pub(super) const fn scale(&self) -> f32 {
        self.scale
    }

    /// Positions that a query sees at most.
    pub(super) const fn window(&self) -> usize {
        self.window
    }

    /// The first position that a query sees.
    #[inline(always)]
    pub(super) const fn first_seen(&self, position: usize) -> usize {
        (position + 1).saturating_sub(self.window)
    }

    /// Replaces the queries of a panel at `position` by what they are answered with; `weights` is
    /// memory to write to.
    pub(super) fn answer(
        &self,
        q: &mut [Line],
        position: usize,
        k: Past<'_>,
        v: Past<'_>,
        weights: &mut Vec<Line>,
    ) {
        vectorized(
            #[inline(always)]
            || {
                let first = self.first_seen(position);
                let seen = position + 1 - first;
                let shared = (k.prefix.len() / self.width).saturating_sub(first).min(seen);
                let weights = room(weights, seen);
                for (h, q) in q.chunks_exact_mut(self.d).enumerate() {
                    let at = h / self.group * self.d;
                    self.scores(q, Head { past: k, at, first, shared }, weights);
                    let inverse = self.softmax(weights);
                    self.mix(q, Head { past: v, at, first, shared }, weights, inverse);
                }
            },
        );
    }

    /// The weights of the positions that a query at `position` sees, from the first one on, where
    /// nothing is shared by all sequences; for gradients.
    #[inline(always)]
    pub(super) fn weigh(&self, q: &[Line], position: usize, k: &[Line], weights: &mut [Line]) {
        let past = Past { prefix: &[], panels: k };
        let head = Head { past, at: 0, first: self.first_seen(position), shared: 0 };
        self.scores(q, head, weights);
        let inverse = self.softmax(weights);
        for w in weights {
            self.simd.load(w).mul(inverse).store(w);
        }
    }

    /// `q · k` for the positions seen.
    #[inline(always)]
    fn scores(&self, q: &[Line], k: Head<'_>, out: &mut [Line]) {
        let simd = self.simd;
        let (from_prefix, own) = out.split_at_mut(k.shared);
        for (j, out) in from_prefix.iter_mut().enumerate() {
            let mut sum = simd.splat(0.0);
            for (q, k) in q.iter().zip(k.prefix(j, self.width, 0, self.d)) {
                sum = simd.load(q).mul_add(simd.splat(*k), sum);
            }
            sum.store(out);
        }
        dots_with_rows(simd, q, |j| k.panel(j, self.width, 0, self.d), own);
    }

    /// Exponentials of scores in place; returns the inverse of their sums.
    #[inline(always)]
    fn softmax(&self, weights: &mut [Line]) -> V {
        let simd = self.simd;
        let scale = simd.splat(self.scale);
        let mut top = simd.splat(f32::NEG_INFINITY);
        for w in weights.iter_mut() {
            let mut score = simd.load(w).mul(scale);
            if let Some(cap) = self.cap {
                let cap = simd.splat(cap);
                score = simd.tanh(score.div(cap)).mul(cap);
            }
            top = top.max(score);
            score.store(w);
        }
        let mut sum = simd.splat(0.0);
        for w in weights.iter_mut() {
            let power = simd.exp(simd.load(w).sub(top));
            sum = sum.add(power);
            power.store(w);
        }
        simd.inverse(sum)
    }

    /// The values seen, weighted, written over the query.
    #[inline(always)]
    fn mix(&self, out: &mut [Line], v: Head<'_>, weights: &[Line], inverse: V) {
        let mut c = 0;
        while c + 8 <= self.d {
            self.mix_block::<8>(&mut out[c..], v, c, weights, inverse);
            c += 8;
        }
        while c < self.d {
            self.mix_block::<1>(&mut out[c..], v, c, weights, inverse);
            c += 1;
        }
    }

    /// Some dimensions of [`Self::mix`], whose sums stay in registers.
    #[inline(always)]
    fn mix_block<const N: usize>(
        &self,
        out: &mut [Line],
        v: Head<'_>,
        c: usize,
        weights: &[Line],
        inverse: V,
    ) {
        let simd = self.simd;
        let mut sums = [simd.splat(0.0); N];
        let (from_prefix, own) = weights.split_at(v.shared);
        for (j, w) in from_prefix.iter().enumerate() {
            let (w, values) = (simd.load(w), v.prefix(j, self.width, c, N));
            for n in 0..N {
                sums[n] = w.mul_add(simd.splat(values[n]), sums[n]);
            }
        }
        for (j, w) in own.iter().enumerate() {
            let (w, values) = (simd.load(w), v.panel(j, self.width, c, N));
            for n in 0..N {
                sums[n] = w.mul_add(simd.load(&values[n]), sums[n]);
            }
        }
        for (sum, out) in sums.into_iter().zip(out) {
            sum.mul(inverse).store(out);
        }
    }
}

/// Writes the inner products of a line of values with rows of as many.
#[inline(always)]
pub(super) fn dots_with_rows<'r>(
    simd: Simd,
    x: &[Line],
    row: impl Fn(usize) -> &'r [Line],
    out: &mut [Line],
) {
    let mut fours = out.chunks_exact_mut(4);
    let mut j = 0;
    for out in &mut fours {
        let sums = dots(simd, x, [row(j), row(j + 1), row(j + 2), row(j + 3)]);
        sums.into_iter().zip(out).for_each(|(sum, out)| sum.store(out));
        j += 4;
    }
    for out in fours.into_remainder() {
        let [sum] = dots(simd, x, [row(j)]);
        sum.store(out);
        j += 1;
    }
}

/// Inner products of a query with some keys.
#[inline(always)]
fn dots<const N: usize>(simd: Simd, q: &[Line], keys: [&[Line]; N]) -> [V; N] {
    let keys = keys.map(|key| &key[..q.len()]);
    let mut sums = [simd.splat(0.0); N];
    for (c, q) in q.iter().enumerate() {
        let q = simd.load(q);
        for n in 0..N {
            sums[n] = q.mul_add(simd.load(&keys[n][c]), sums[n]);
        }
    }
    sums
}
