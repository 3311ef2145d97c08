//! A layer of the decoder over rows, whole sequences or the next tokens of some.

use candle_core::Result;
use gemm::Parallelism;

use super::asking::Asking;
use super::attention::{RowAttention, RowScratch};
use super::block::{Block, SharedRows};
use super::ops::soft_cap;
use super::parallel::{Turn, add, gated, rms_norm, rotate};
use crate::cpu::buffer::Buffer;
use crate::cpu::decoder::{CpuDecoder, HeadStep};
use crate::cpu::gemm::library;
use crate::cpu::heads::HeadRows;
use crate::cpu::lanes::TrainingAttention;
use crate::cpu::math;
use crate::cpu::sequence::Sequence;
use crate::model::weights::{Layer, Linear};

/// What a layer computed, for its gradient. Only keys, values and what they are made of exist for
/// rows that do not ask.
#[derive(Default)]
pub(in crate::cpu) struct SavedLayer {
    pub(in crate::cpu) x: Buffer,
    pub(in crate::cpu) normed: Buffer,
    /// Queries and keys before their norms, where the model has such norms.
    pub(in crate::cpu) raw_q: Buffer,
    pub(in crate::cpu) raw_k: Buffer,
    pub(in crate::cpu) q: Buffer,
    pub(in crate::cpu) k: Buffer,
    pub(in crate::cpu) v: Buffer,
    pub(in crate::cpu) attended: Buffer,
    /// What the two halves say before the norms that some models put there.
    pub(in crate::cpu) raw_attended: Buffer,
    pub(in crate::cpu) raw_fed: Buffer,
    pub(in crate::cpu) middle: Buffer,
    pub(in crate::cpu) middle_normed: Buffer,
    pub(in crate::cpu) gate: Buffer,
    pub(in crate::cpu) up: Buffer,
    pub(in crate::cpu) activated: Buffer,
}

impl CpuDecoder<'_> {
    /// Embeddings of tokens, `[tokens, hidden]`.
    pub(in crate::cpu) fn embed(&self, tokens: &[u32]) -> Result<Buffer> {
        let (table, width) = (self.value(self.positions.embeddings), self.config.hidden_size);
        let mut x = Buffer::empty(tokens.len() * width);
        for &token in tokens {
            let row =
                usize::try_from(token).ok().and_then(|i| table.get(i * width..(i + 1) * width));
            match row {
                Some(row) => x.extend_from_slice(row),
                None => candle_core::bail!("token id {token} has no embedding"),
            }
        }
        let scale = self.config.embedding_scale;
        if scale != 1.0 {
            x.iter_mut().for_each(|x| *x *= scale);
        }
        Ok(x)
    }

    /// `x · Wᵀ` for a matrix by position.
    pub(in crate::cpu) fn product(
        &self,
        w: usize,
        x: &[f32],
        inner: usize,
        on: Parallelism,
    ) -> Buffer {
        match self.packed.and_then(|packed| packed.get(w)) {
            Some(packed) => packed.product(x, on),
            None => library::product(x, self.value(w), inner, on),
        }
    }

    /// Vocabulary logits of rows of the residual stream.
    pub(in crate::cpu) fn logits(&self, rows: &[f32], threads: Parallelism) -> Buffer {
        let normed = rms_norm(rows, self.value(self.positions.norm), self.eps, threads);
        let width = self.config.hidden_size;
        let mut logits = self.product(self.positions.output, &normed, width, threads);
        if let Some(cap) = self.config.logit_cap {
            soft_cap(&mut logits, cap, None);
        }
        logits
    }

    /// `x · Wᵀ + b`.
    fn linear(&self, linear: &Linear<usize>, x: &[f32], inner: usize, on: Parallelism) -> Buffer {
        let mut out = self.product(linear.weight, x, inner, on);
        if let Some(bias) = linear.bias.map(|b| self.value(b)) {
            out.chunks_mut(bias.len()).for_each(|row| math::add(row, bias));
        }
        out
    }

    /// Norm (where there is one) and rotation of queries or keys of a layer; returns what the norm
    /// was applied to, and the outcome.
    fn rotate(
        &self,
        mut x: Buffer,
        step: HeadStep<'_>,
        positions: impl Iterator<Item = usize>,
        on: Parallelism,
    ) -> (Buffer, Buffer) {
        let raw = self.maybe_norm(step.norm, &mut x, on);
        rotate(step.rope, &mut x, step.width, positions, Turn::Forward, on);
        (raw, x)
    }

    /// Rows behind a norm; the rows as they are where there is none.
    fn normed(&self, norm: Option<usize>, x: &[f32], on: Parallelism) -> Buffer {
        norm.map_or_else(|| Buffer::copy(x), |norm| rms_norm(x, self.value(norm), self.eps, on))
    }

    /// Norms rows in place where there is a norm; returns what they were, if so.
    fn maybe_norm(&self, norm: Option<usize>, x: &mut Buffer, on: Parallelism) -> Buffer {
        norm.map_or_else(Buffer::default, |norm| {
            let normed = rms_norm(x, self.value(norm), self.eps, on);
            std::mem::replace(x, normed)
        })
    }

    /// What follows attention in a layer, with the rows `x` that it is added to.
    fn finish_layer(
        &self,
        layer: &Layer<usize>,
        attended: Buffer,
        x: &[f32],
        on: Parallelism,
        saved: &mut SavedLayer,
    ) -> Buffer {
        let hidden = self.config.hidden_size;
        let mut out = self.linear(&layer.o, &attended, self.q_width(), on);
        saved.attended = attended;
        saved.raw_attended = self.maybe_norm(layer.attended_norm, &mut out, on);
        add(&mut out, x, on);
        saved.middle = out;
        saved.middle_normed = self.normed(layer.post_norm, &saved.middle, on);
        saved.gate = self.linear(&layer.gate, &saved.middle_normed, hidden, on);
        saved.up = self.linear(&layer.up, &saved.middle_normed, hidden, on);
        saved.activated = gated(self.config.activation, &saved.gate, &saved.up, on);
        let mut out = self.linear(&layer.down, &saved.activated, self.config.intermediate_size, on);
        saved.raw_fed = self.maybe_norm(layer.fed_norm, &mut out, on);
        add(&mut out, &saved.middle, on);
        out
    }

    /// One layer over whole sequences from position 0, keeping what its gradient needs. `x` keeps
    /// the asking rows; without `asking` all rows ask.
    pub(in crate::cpu) fn layer(
        &self,
        index: usize,
        x: &mut Buffer,
        block: Block,
        asking: Option<&Asking>,
        saved: &mut SavedLayer,
    ) {
        let layer = &self.positions.layers[index];
        let (hidden, on) = (self.config.hidden_size, block.threads);
        let (q_width, kv_width) = (self.q_width(), self.kv_width());
        saved.normed = self.normed(layer.input_norm, x, on);
        let k = self.linear(&layer.k, &saved.normed, hidden, on);
        let v = self.linear(&layer.v, &saved.normed, hidden, on);
        saved.v = block.spread(v, kv_width, SharedRows::Repeated);
        let rows = k.len() / kv_width;
        let (raw, k) = self.rotate(k, self.keys(index), block.positions(rows), on);
        (saved.raw_k, saved.k) = (raw, block.spread(k, kv_width, SharedRows::Repeated));
        let attended = match asking {
            None => {
                let q = self.linear(&layer.q, &saved.normed, hidden, on);
                let (raw, q) = self.rotate(q, self.queries(index), block.positions(rows), on);
                (saved.raw_q, saved.q) = (raw, block.spread(q, q_width, SharedRows::Repeated));
                block.first(self.attend(index, block, None, saved), q_width)
            }
            Some(asking) => {
                let q = self.linear(&layer.q, &asking.gather(&saved.normed, hidden), hidden, on);
                let positions = asking.positions.iter().copied();
                (saved.raw_q, saved.q) = self.rotate(q, self.queries(index), positions, on);
                self.attend(index, block, Some(asking), saved)
            }
        };
        let gathered = asking.map(|asking| asking.gather(x, hidden));
        let out = self.finish_layer(layer, attended, gathered.as_ref().unwrap_or(x), on, saved);
        saved.x = std::mem::replace(x, out);
    }

    /// What the queries of a layer are answered with, sequence by sequence.
    fn attend(
        &self,
        index: usize,
        block: Block,
        asking: Option<&Asking>,
        saved: &SavedLayer,
    ) -> Buffer {
        let (q_width, kv_width) = (self.q_width(), self.kv_width());
        let sequences = saved.k.len() / (block.t * kv_width);
        let lanes = TrainingAttention::new(self.config, index, sequences, block.t);
        if let (None, Some(lanes)) = (asking, lanes) {
            let x = HeadRows { q: &saved.q, k: &saved.k, v: &saved.v };
            let mut attended = Buffer::uncleared(saved.q.len());
            lanes.forward(x, &mut attended, block.threads);
            return attended;
        }
        let mut attended = Buffer::zeros(saved.q.len());
        let all = Asking::all(block, if asking.is_none() { sequences } else { 0 });
        let asking = asking.unwrap_or(&all);
        let attention = RowAttention::new(self.config, block.t, self.config.window(index));
        let mut scratch = RowScratch::default();
        let keys = saved.k.chunks(block.t * kv_width).zip(saved.v.chunks(block.t * kv_width));
        for (range, (k, v)) in asking.sequences().zip(keys) {
            let rows = range.start * q_width..range.end * q_width;
            let x = HeadRows { q: &saved.q[rows.clone()], k, v };
            attention.forward(&asking.positions[range], x, &mut attended[rows], &mut scratch);
        }
        attended
    }

    /// One layer over the next tokens of sequences whose earlier positions are cached; `x` keeps
    /// the asking rows.
    pub(super) fn cached_layer(
        &self,
        index: usize,
        x: &mut Buffer,
        block: Block,
        sequences: &mut [Sequence],
        asking: &Asking,
    ) {
        let layer = &self.positions.layers[index];
        let (hidden, on) = (self.config.hidden_size, block.threads);
        let (q_width, kv_width) = (self.q_width(), self.kv_width());
        let mut normed = self.normed(layer.input_norm, x, on);
        let k = self.linear(&layer.k, &normed, hidden, on);
        let rows = k.len() / kv_width;
        let (_, k) = self.rotate(k, self.keys(index), block.positions(rows), on);
        let v = self.linear(&layer.v, &normed, hidden, on);
        let width = block.t * kv_width;
        for ((sequence, k), v) in sequences.iter_mut().zip(k.chunks(width)).zip(v.chunks(width)) {
            sequence.extend(index, k, v);
        }
        if asking.rows.len() * hidden < x.len() {
            *x = asking.gather(x, hidden);
            normed = asking.gather(&normed, hidden);
        }
        let q = self.linear(&layer.q, &normed, hidden, on);
        let (_, q) = self.rotate(q, self.queries(index), asking.positions.iter().copied(), on);
        let attention =
            RowAttention::new(self.config, block.start + block.t, self.config.window(index));
        let mut attended = Buffer::zeros(q.len());
        let mut scratch = RowScratch::default();
        for (sequence, range) in sequences.iter().zip(asking.sequences()) {
            let (k, v) = sequence.layer(index);
            let rows = range.start * q_width..range.end * q_width;
            let x = HeadRows { q: &q[rows.clone()], k, v };
            attention.forward(&asking.positions[range], x, &mut attended[rows], &mut scratch);
        }
        *x = self.finish_layer(layer, attended, x, on, &mut SavedLayer::default());
    }
}
