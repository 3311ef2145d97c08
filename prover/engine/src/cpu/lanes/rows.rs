//! Attention of the training passes, whose activations lie row by row: copied into lanes, one per
//! sequence, computed there, and copied back.
//!
//! Heads of small models are narrower than a vector register and prompts shorter than one, so working
//! along either leaves most lanes idle; across sequences none is. The copies cost a tenth of what that saves.

use gemm::Parallelism;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use super::kernel::Line;
use super::vector::{Simd, V};
use super::{LANES, room};
use crate::cpu::simd::vectorized;
use crate::model::ModelConfig;

/// Shape of attention over whole sequences from position 0. Heads of queries that share keys and values are computed
/// together, apart from all others.
#[derive(Clone, Copy)]
pub(in super::super) struct RowAttention {
    simd: Simd,
    /// Heads of queries per head of keys.
    group: usize,
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

/// Scratch of heads that were computed side by side, kept for the next ones: fresh memory costs as much as they do.
static SPARE: Mutex<Vec<RowScratch>> = Mutex::new(Vec::new());

/// Scratches kept, and the lines that one of them may have: at most 64 MiB together.
const MOST_SPARE: usize = 32;
const MOST_LINES: usize = 1 << 14;

/// Memory that outlives a head.
#[derive(Default)]
struct RowScratch {
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
            group: config.heads / config.kv_heads,
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
        on: Parallelism,
    ) {
        let (q_cut, kv_cut) = (self.cut(self.group), self.cut(1));
        self.each_head(on, q_cut.sequences(q), &mut [(q_cut, out)], |(group, kv), scratch| {
            q_cut.gather(q, (group, kv), &mut scratch.q);
            kv_cut.gather(k, (group, kv), &mut scratch.k);
            kv_cut.gather(v, (group, kv), &mut scratch.v);
            room(&mut scratch.dq, self.t * q_cut.width);
            room(&mut scratch.weights, self.t * self.t);
            vectorized(
                #[inline(always)]
                || {
                    for h in 0..self.group {
                        self.weigh(h, scratch);
                        let RowScratch { v, weights, dq, .. } = &mut *scratch;
                        for i in 0..self.t {
                            let weights = |j: usize| &weights[i * self.t + j];
                            let out = &mut dq[i * q_cut.width + h * self.d..][..self.d];
                            self.combine(self.seen(i), weights, (&v[..], self.d, 0), out);
                        }
                    }
                },
            );
        });
    }

    /// Gradients of [`Self::forward`] in queries, keys and values, written.
    pub(in super::super) fn backward(
        &self,
        (q, k, v, grad): (&[f32], &[f32], &[f32], &[f32]),
        (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
        on: Parallelism,
    ) {
        let (q_cut, kv_cut) = (self.cut(self.group), self.cut(1));
        let outputs = &mut [(q_cut, dq), (kv_cut, dk), (kv_cut, dv)];
        self.each_head(on, q_cut.sequences(q), outputs, |(group, kv), scratch| {
            q_cut.gather(q, (group, kv), &mut scratch.q);
            q_cut.gather(grad, (group, kv), &mut scratch.grad);
            kv_cut.gather(k, (group, kv), &mut scratch.k);
            kv_cut.gather(v, (group, kv), &mut scratch.v);
            room(&mut scratch.dq, self.t * q_cut.width);
            room(&mut scratch.dk, self.t * self.d).fill(Line::ZERO);
            room(&mut scratch.dv, self.t * self.d).fill(Line::ZERO);
            room(&mut scratch.weights, self.t * self.t);
            room(&mut scratch.slopes, self.t * self.t);
            vectorized(
                #[inline(always)]
                || {
                    for h in 0..self.group {
                        self.weigh(h, scratch);
                        self.slopes(h, scratch);
                        self.head_gradients(h, scratch);
                    }
                },
            );
        });
    }

    /// How heads lie in rows: `heads` next to each other per head of keys.
    fn cut(&self, heads: usize) -> Cut {
        let width = heads * self.d;
        Cut { t: self.t, width, stride: self.kv_heads * width }
    }

    /// Runs `head` for each head of keys of each group of sequences, and copies what it leaves in the scratch's `dq`,
    /// `dk` and `dv` to the outputs.
    fn each_head(
        &self,
        on: Parallelism,
        sequences: usize,
        outputs: &mut [(Cut, &mut [f32])],
        head: impl Fn((usize, usize), &mut RowScratch) + Sync,
    ) {
        let groups = sequences.div_ceil(LANES);
        let tasks = (0..groups).flat_map(|group| (0..self.kv_heads).map(move |kv| (group, kv)));
        if let Parallelism::None = on {
            let mut scratch = RowScratch::default();
            for (group, kv) in tasks {
                head((group, kv), &mut scratch);
                for ((cut, out), lines) in outputs.iter_mut().zip(scratch.gradients()) {
                    let size = self.t * cut.stride;
                    let out = out.chunks_mut(LANES * size).nth(group).unwrap_or_default();
                    for (lane, out) in out.chunks_mut(size).enumerate() {
                        cut.scatter(lines, lane, kv, out);
                    }
                }
            }
            return;
        }
        let tasks: Vec<(usize, usize)> = tasks.collect();
        let run = |&task: &(usize, usize)| {
            let used = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut scratch = used.unwrap_or_default();
            head(task, &mut scratch);
            scratch
        };
        let done: Vec<RowScratch> = tasks.par_iter().map(run).collect();
        for (index, (cut, out)) in outputs.iter_mut().enumerate() {
            out.par_chunks_mut(self.t * cut.stride).enumerate().for_each(|(sequence, out)| {
                let of_group = &done[sequence / LANES * self.kv_heads..][..self.kv_heads];
                for (kv, scratch) in of_group.iter().enumerate() {
                    cut.scatter(scratch.gradients()[index], sequence % LANES, kv, out);
                }
            });
        }
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_SPARE.saturating_sub(spare.len());
        spare.extend(done.into_iter().filter(|scratch| scratch.lines() <= MOST_LINES).take(room));
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
        let (q_width, q_at) = (self.group * self.d, h * self.d);
        let scale = simd.splat(self.scale);
        let RowScratch { q, k, weights, .. } = scratch;
        for i in 0..t {
            let seen = self.seen(i);
            let q = &q[i * q_width + q_at..][..self.d];
            let row = &mut weights[i * t..(i + 1) * t][seen.clone()];
            self.dots(q, k, seen.start, row);
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
        let (q_width, q_at) = (self.group * self.d, h * self.d);
        let scale = simd.splat(self.scale);
        let RowScratch { v, grad, weights, slopes, .. } = scratch;
        for i in 0..t {
            let seen = self.seen(i);
            let grad = &grad[i * q_width + q_at..][..self.d];
            let weights = &weights[i * t..(i + 1) * t][seen.clone()];
            let slopes = &mut slopes[i * t..(i + 1) * t][seen.clone()];
            self.dots(grad, v, seen.start, slopes);
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
        let (q_width, q_at) = (self.group * self.d, h * self.d);
        let RowScratch { q, k, grad, dq, dk, dv, weights, slopes, .. } = scratch;
        for i in 0..t {
            let slopes = |j: usize| &slopes[i * t + j];
            let out = &mut dq[i * q_width + q_at..][..self.d];
            self.combine(self.seen(i), slopes, (k, self.d, 0), out);
        }
        let mut sums = [Line::ZERO; 8];
        for j in 0..t {
            for c in (0..self.d).step_by(8) {
                let count = (self.d - c).min(8);
                for (factors, rows, out) in [(&slopes, &q, &mut *dk), (&weights, &grad, &mut *dv)] {
                    let factor = |i: usize| &factors[i * t + j];
                    let rows = (&rows[..], q_width, q_at + c);
                    self.combine(self.seeing(j), factor, rows, &mut sums[..count]);
                    let out = &mut out[j * self.d + c..][..count];
                    for (out, sum) in out.iter_mut().zip(&sums) {
                        self.simd.load(out).add(self.simd.load(sum)).store(out);
                    }
                }
            }
        }
    }

    /// `out[i] = x · rows[from + i]`.
    #[inline(always)]
    fn dots(&self, x: &[Line], rows: &[Line], from: usize, out: &mut [Line]) {
        let row = |j: usize| &rows[(from + j) * x.len()..][..x.len()];
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
}

impl RowScratch {
    /// Lines held.
    fn lines(&self) -> usize {
        let Self { q, k, v, grad, dq, dk, dv, weights, slopes } = self;
        [q, k, v, grad, dq, dk, dv, weights, slopes].into_iter().map(Vec::capacity).sum()
    }

    fn gradients(&self) -> [&[Line]; 3] {
        [&self.dq, &self.dk, &self.dv]
    }
}

/// Heads that lie next to each other in rows of a stride.
#[derive(Clone, Copy)]
struct Cut {
    t: usize,
    /// Values of these heads.
    width: usize,
    stride: usize,
}

impl Cut {
    /// Sequences in so many rows.
    const fn sequences(self, x: &[f32]) -> usize {
        x.len() / (self.t * self.stride)
    }

    /// Heads of a group of sequences as lines `[t, width]`; idle lanes repeat the first one.
    fn gather(self, x: &[f32], (group, kv): (usize, usize), out: &mut Vec<Line>) {
        let size = self.t * self.stride;
        let x = &x[group * LANES * size..];
        let starts: [usize; LANES] =
            std::array::from_fn(|l| if l * size < x.len() { l * size } else { 0 });
        let lines = room(out, self.t * self.width).chunks_exact_mut(self.width);
        for (i, lines) in lines.enumerate() {
            let at = i * self.stride + kv * self.width;
            let rows = starts.map(|start| &x[start + at..][..self.width]);
            for (c, line) in lines.iter_mut().enumerate() {
                line.0 = std::array::from_fn(|l| rows[l][c]);
            }
        }
    }

    /// One lane of lines `[t, width]` as heads of a sequence.
    fn scatter(self, x: &[Line], lane: usize, kv: usize, out: &mut [f32]) {
        for (row, lines) in out.chunks_exact_mut(self.stride).zip(x.chunks_exact(self.width)) {
            let row = &mut row[kv * self.width..][..self.width];
            row.iter_mut().zip(lines).for_each(|(out, line)| *out = line.0[lane]);
        }
    }
}
