//! Attention of training passes, whose activations lie row by row: copied into lanes, one per
//! sequence, computed there, and copied back.
//!
//! Heads of small models are narrower than a vector register and prompts shorter than one, so
//! working along either leaves most lanes idle; across sequences none is. The copies cost a tenth
//! of what that saves.

use gemm::Parallelism;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use super::attention::{LaneAttention, Past};
use super::gradients::{HeadScratch, TrainingHead};
use crate::cpu::heads::{HeadRowGradients, HeadRows};
use crate::cpu::line::{LANES, Line, room};
use crate::cpu::vector::Simd;
use crate::model::ModelConfig;

/// Attention over whole sequences from position 0. Heads of queries that share keys and values are
/// computed together, apart from all others.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct TrainingAttention {
    head: TrainingHead,
    kv_heads: usize,
}

/// Longer sequences would need too much memory for all their scores.
const LONGEST: usize = 64;

/// Fewer sequences than this are not worth lanes.
const FEWEST: usize = 8;

/// Memory of heads that were computed side by side, kept for the next ones: fresh memory costs as
/// much as they do.
static SPARE: Mutex<Vec<HeadScratch>> = Mutex::new(Vec::new());

/// Scratches kept, and the lines that one of them may have: at most 64 MiB together.
const MOST_SPARE: usize = 32;
const MOST_LINES: usize = 1 << 14;

/// The heads of queries that share a head of keys, of up to 32 sequences.
#[derive(Clone, Copy)]
struct Task {
    /// Which 32 sequences.
    group: usize,
    /// Which head of keys.
    kv: usize,
}

/// Rows that heads are copied back to.
struct Output<'a> {
    cut: Cut,
    rows: &'a mut [f32],
}

impl TrainingAttention {
    /// `None` where lanes don't serve: too few or too long sequences, capped scores, another
    /// processor.
    pub(in crate::cpu) fn new(
        config: &ModelConfig,
        layer: usize,
        sequences: usize,
        t: usize,
    ) -> Option<Self> {
        if sequences < FEWEST || t > LONGEST || config.attention_cap.is_some() {
            return None;
        }
        let attention = LaneAttention::new(Simd::new()?, config, layer).of_one_head();
        Some(Self { head: TrainingHead { attention, t }, kv_heads: config.kv_heads })
    }

    /// Writes `softmax(q kᵀ · scale) v`.
    pub(in crate::cpu) fn forward(&self, x: HeadRows<'_>, out: &mut [f32], on: Parallelism) {
        let (t, attention) = (self.head.t, self.head.attention);
        let (q_cut, kv_cut) = (self.cut(attention.group()), self.cut(1));
        let outputs = &mut [Output { cut: q_cut, rows: out }];
        self.each_head(on, q_cut.sequences(x.q), outputs, |task, scratch| {
            let HeadScratch { k, v, dq: q, weights, .. } = scratch;
            q_cut.gather(x.q, task, q);
            kv_cut.gather(x.k, task, k);
            kv_cut.gather(x.v, task, v);
            let keys = Past { prefix: &[], panels: &k[..t * kv_cut.width] };
            let values = Past { prefix: &[], panels: &v[..t * kv_cut.width] };
            for (position, q) in q.chunks_exact_mut(q_cut.width).take(t).enumerate() {
                attention.answer(q, position, keys, values, weights);
            }
        });
    }

    /// Gradients of [`Self::forward`] in queries, keys and values, written.
    pub(in crate::cpu) fn backward(
        &self,
        x: HeadRows<'_>,
        grad: &[f32],
        out: HeadRowGradients<'_>,
        on: Parallelism,
    ) {
        let (q_cut, kv_cut) = (self.cut(self.head.attention.group()), self.cut(1));
        let outputs = &mut [
            Output { cut: q_cut, rows: out.q },
            Output { cut: kv_cut, rows: out.k },
            Output { cut: kv_cut, rows: out.v },
        ];
        self.each_head(on, q_cut.sequences(x.q), outputs, |task, scratch| {
            q_cut.gather(x.q, task, &mut scratch.q);
            q_cut.gather(grad, task, &mut scratch.grad);
            kv_cut.gather(x.k, task, &mut scratch.k);
            kv_cut.gather(x.v, task, &mut scratch.v);
            self.head.gradients(scratch);
        });
    }

    /// How heads lie in rows: `heads` next to each other per head of keys.
    const fn cut(&self, heads: usize) -> Cut {
        let width = heads * self.head.attention.width();
        Cut { t: self.head.t, width, stride: self.kv_heads * width }
    }

    /// Runs `run` for each head of keys of each group of sequences, and copies what it leaves in
    /// the scratch's results to the outputs.
    fn each_head(
        &self,
        on: Parallelism,
        sequences: usize,
        outputs: &mut [Output<'_>],
        run: impl Fn(Task, &mut HeadScratch) + Sync,
    ) {
        let groups = sequences.div_ceil(LANES);
        let tasks =
            (0..groups).flat_map(|group| (0..self.kv_heads).map(move |kv| Task { group, kv }));
        if let Parallelism::None = on {
            let mut scratch = HeadScratch::default();
            for task in tasks {
                run(task, &mut scratch);
                for (Output { cut, rows }, lines) in outputs.iter_mut().zip(scratch.results()) {
                    let size = self.head.t * cut.stride;
                    let rows = rows.chunks_mut(LANES * size).nth(task.group).unwrap_or_default();
                    for (lane, rows) in rows.chunks_mut(size).enumerate() {
                        cut.scatter(lines, lane, task.kv, rows);
                    }
                }
            }
            return;
        }
        let tasks: Vec<Task> = tasks.collect();
        let with_scratch = |&task: &Task| {
            let used = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut scratch = used.unwrap_or_default();
            run(task, &mut scratch);
            scratch
        };
        let done: Vec<HeadScratch> = tasks.par_iter().map(with_scratch).collect();
        for (index, Output { cut, rows }) in outputs.iter_mut().enumerate() {
            let sequences = rows.par_chunks_mut(self.head.t * cut.stride).enumerate();
            sequences.for_each(|(sequence, rows)| {
                let of_group = &done[sequence / LANES * self.kv_heads..][..self.kv_heads];
                for (kv, scratch) in of_group.iter().enumerate() {
                    cut.scatter(scratch.results()[index], sequence % LANES, kv, rows);
                }
            });
        }
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_SPARE.saturating_sub(spare.len());
        spare.extend(done.into_iter().filter(|scratch| scratch.lines() <= MOST_LINES).take(room));
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
    fn gather(self, x: &[f32], task: Task, out: &mut Vec<Line>) {
        let size = self.t * self.stride;
        let x = &x[task.group * LANES * size..];
        let starts: [usize; LANES] =
            std::array::from_fn(|l| if l * size < x.len() { l * size } else { 0 });
        let lines = room(out, self.t * self.width).chunks_exact_mut(self.width);
        for (i, lines) in lines.enumerate() {
            let at = i * self.stride + task.kv * self.width;
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
