//! The forward pass.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;

use super::attention::{Attention, Scratch};
use super::block::{Asking, Block};
use super::buffer::Buffer;
use super::lanes::RowAttention;
use super::ops::{product, soft_cap};
use super::rowwise::{add, gated, rms_norm, rotate};
use super::{Engine, blocked, ops};
use crate::logits::argmax;
use crate::model::weights::{Layer, Linear};

/// Keys and values of the positions of one sequence, per layer, `[s, kv_heads · d]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
}

/// What a layer computed, for its gradient. Only keys, values and what they are made of exist for
/// rows that do not ask.
#[derive(Default)]
pub(super) struct Saved {
    pub(super) x: Buffer,
    pub(super) normed: Buffer,
    /// Queries and keys before their norms, where the model has such norms.
    pub(super) raw_q: Buffer,
    pub(super) raw_k: Buffer,
    pub(super) q: Buffer,
    pub(super) k: Buffer,
    pub(super) v: Buffer,
    pub(super) attended: Buffer,
    /// What the two halves say before the norms that some models put there.
    pub(super) raw_attended: Buffer,
    pub(super) raw_fed: Buffer,
    pub(super) middle: Buffer,
    pub(super) middle_normed: Buffer,
    pub(super) gate: Buffer,
    pub(super) up: Buffer,
    pub(super) activated: Buffer,
}

/// Logits after the last token of each sequence, `[sequences, vocabulary]`; `tokens` continue what
/// the sequences hold already.
pub(crate) fn last_logits(
    engine: &Engine<'_>,
    tokens: &[u32],
    t: usize,
    start: usize,
    sequences: &mut [Sequence],
) -> Result<Vec<f32>> {
    let classes = engine.config.vocab_size;
    let mut logits = vec![0.0; sequences.len() * classes];
    let span = (tokens, t, start);
    last_chunks(engine, span, sequences, logits.par_chunks_mut(classes), |out, logits| {
        out.copy_from_slice(logits);
    })?;
    Ok(logits)
}

/// The most likely token after the last of each sequence, without holding all logits.
pub(crate) fn next_tokens(
    engine: &Engine<'_>,
    tokens: &[u32],
    t: usize,
    start: usize,
    sequences: &mut [Sequence],
) -> Result<Vec<u32>> {
    let mut next = vec![0; sequences.len()];
    let span = (tokens, t, start);
    last_chunks(engine, span, sequences, next.par_iter_mut(), |out, logits| {
        *out = argmax(logits);
    })?;
    Ok(next)
}

/// Hands the logits of each sequence to `take`, with the output of that sequence.
fn last_chunks<O: Send>(
    engine: &Engine<'_>,
    (tokens, t, start): (&[u32], usize, usize),
    sequences: &mut [Sequence],
    outputs: impl IndexedParallelIterator<Item = O>,
    take: impl Fn(O, &[f32]) + Sync,
) -> Result<()> {
    let per_core = sequences.len().div_ceil(rayon::current_num_threads().max(1));
    let per_chunk = Engine::chunk(t).min(per_core).max(1);
    let threads = parallelism(sequences.len().div_ceil(per_chunk));
    let block = Block { t, start, shared: 0, threads };
    sequences
        .par_chunks_mut(per_chunk)
        .zip(tokens.par_chunks(per_chunk * t))
        .zip(outputs.chunks(per_chunk))
        .try_for_each(|((sequences, tokens), outputs)| {
            let logits = engine.last_chunk(tokens, block, sequences)?;
            let rows = logits.chunks(engine.config.vocab_size);
            outputs.into_iter().zip(rows).for_each(|(out, row)| take(out, row));
            Ok(())
        })
}

/// Logits after every token of equally long sequences, `[sequences · t, vocabulary]`.
pub(crate) fn next_token_logits(engine: &Engine<'_>, tokens: &[u32], t: usize) -> Result<Vec<f32>> {
    let per_chunk = Engine::chunk(t) * t;
    let threads = parallelism(tokens.len().div_ceil(per_chunk));
    let block = Block { t, start: 0, shared: 0, threads };
    let mut logits = vec![0.0; tokens.len() * engine.config.vocab_size];
    tokens
        .par_chunks(per_chunk)
        .zip(logits.par_chunks_mut(per_chunk * engine.config.vocab_size))
        .try_for_each(|(tokens, logits)| {
        let mut x = engine.embed(tokens)?;
        for index in 0..engine.positions.layers.len() {
            engine.layer(index, &mut x, block, None, &mut Saved::default());
        }
        logits.copy_from_slice(&engine.logits(&x, block.threads));
        Ok::<(), candle_core::Error>(())
    })?;
    Ok(logits)
}

/// Chunks run side by side; a single one has all cores for its products.
pub(super) fn parallelism(chunks: usize) -> Parallelism {
    if chunks > 1 { Parallelism::None } else { Parallelism::Rayon(0) }
}

impl Engine<'_> {
    pub(super) fn value(&self, position: usize) -> &[f32] {
        self.values[position]
    }

    /// Embeddings of tokens, `[tokens, hidden]`.
    pub(super) fn embed(&self, tokens: &[u32]) -> Result<Buffer> {
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
    pub(super) fn product(&self, w: usize, x: &[f32], inner: usize, on: Parallelism) -> Buffer {
        match self.packed.and_then(|packed| packed.get(w)) {
            Some(packed) => packed.product(x, on),
            None if self.blocked => blocked::product(x, self.value(w), inner),
            None => product(x, self.value(w), inner, on),
        }
    }

    /// Vocabulary logits of rows of the residual stream.
    pub(super) fn logits(&self, rows: &[f32], threads: Parallelism) -> Buffer {
        let normed = rms_norm(rows, self.value(self.positions.norm), self.eps, threads);
        let width = self.config.hidden_size;
        let mut logits = self.product(self.positions.output, &normed, width, threads);
        if let Some(cap) = self.config.logit_cap {
            soft_cap(&mut logits, cap, None);
        }
        logits
    }

    fn last_chunk(
        &self,
        tokens: &[u32],
        block: Block,
        sequences: &mut [Sequence],
    ) -> Result<Buffer> {
        let mut x = self.embed(tokens)?;
        let all = Asking::all(block, sequences.len());
        let last = Asking::last(block, sequences.len());
        let layers = self.positions.layers.len();
        for index in 0..layers {
            // Nothing but the last rows is asked for after the last layer.
            let asking = if index + 1 == layers { &last } else { &all };
            self.cached_layer(index, &mut x, block, sequences, asking);
        }
        Ok(self.logits(&x, block.threads))
    }

    /// `x · Wᵀ + b`.
    fn linear(&self, linear: &Linear<usize>, x: &[f32], inner: usize, on: Parallelism) -> Buffer {
        let mut out = self.product(linear.weight, x, inner, on);
        if let Some(bias) = linear.bias.map(|b| self.value(b)) {
            out.chunks_mut(bias.len()).for_each(|row| ops::add(row, bias));
        }
        out
    }

    /// Norm per head (where there is one) and rotation of queries or keys; returns what the norm
    /// was applied to, and the outcome.
    fn rotate(
        &self,
        mut x: Buffer,
        norm: Option<usize>,
        width: usize,
        positions: impl Iterator<Item = usize>,
        on: Parallelism,
    ) -> (Buffer, Buffer) {
        let raw = self.maybe_norm(norm, &mut x, on);
        rotate(self.rope, &mut x, width, (positions, 1.0), on);
        (raw, x)
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
        saved: &mut Saved,
    ) -> Buffer {
        let hidden = self.config.hidden_size;
        let mut out = self.linear(&layer.o, &attended, self.q_width(), on);
        saved.attended = attended;
        saved.raw_attended = self.maybe_norm(layer.attended_norm, &mut out, on);
        add(&mut out, x, on);
        saved.middle = out;
        saved.middle_normed = rms_norm(&saved.middle, self.value(layer.post_norm), self.eps, on);
        saved.gate = self.linear(&layer.gate, &saved.middle_normed, hidden, on);
        saved.up = self.linear(&layer.up, &saved.middle_normed, hidden, on);
        saved.activated = gated(self.config.activation, &saved.gate, &saved.up, on);
        let mut out = self.linear(&layer.down, &saved.activated, self.config.intermediate_size, on);
        saved.raw_fed = self.maybe_norm(layer.fed_norm, &mut out, on);
        add(&mut out, &saved.middle, on);
        out
    }

    /// One layer over whole sequences from position 0, keeping what its gradient needs. `x` keeps the asking rows;
    /// without `asking` all rows ask.
    pub(super) fn layer(
        &self,
        index: usize,
        x: &mut Buffer,
        block: Block,
        asking: Option<&Asking>,
        saved: &mut Saved,
    ) {
        let layer = &self.positions.layers[index];
        let (hidden, on) = (self.config.hidden_size, block.threads);
        let (q_width, kv_width) = (self.q_width(), self.kv_width());
        saved.normed = rms_norm(x, self.value(layer.input_norm), self.eps, on);
        let k = self.linear(&layer.k, &saved.normed, hidden, on);
        let v = self.linear(&layer.v, &saved.normed, hidden, on);
        saved.v = block.spread(v, kv_width, true);
        let rows = k.len() / kv_width;
        let (raw, k) = self.rotate(k, layer.k_norm, kv_width, block.positions(rows), on);
        (saved.raw_k, saved.k) = (raw, block.spread(k, kv_width, true));
        let attended = match asking {
            None => {
                let q = self.linear(&layer.q, &saved.normed, hidden, on);
                let (raw, q) = self.rotate(q, layer.q_norm, q_width, block.positions(rows), on);
                (saved.raw_q, saved.q) = (raw, block.spread(q, q_width, true));
                block.first(self.attend(index, block, None, saved), q_width)
            }
            Some(asking) => {
                let q = self.linear(&layer.q, &asking.gather(&saved.normed, hidden), hidden, on);
                let positions = asking.positions.iter().copied();
                (saved.raw_q, saved.q) = self.rotate(q, layer.q_norm, q_width, positions, on);
                self.attend(index, block, Some(asking), saved)
            }
        };
        let gathered = asking.map(|asking| asking.gather(x, hidden));
        let out = self.finish_layer(layer, attended, gathered.as_ref().unwrap_or(x), on, saved);
        saved.x = std::mem::replace(x, out);
    }

    /// What the queries of a layer are answered with, sequence by sequence.
    fn attend(&self, index: usize, block: Block, asking: Option<&Asking>, saved: &Saved) -> Buffer {
        let (q_width, kv_width) = (self.q_width(), self.kv_width());
        let sequences = saved.k.len() / (block.t * kv_width);
        let lanes = RowAttention::new(self.config, index, (sequences, block.t));
        if let (None, Some(lanes)) = (asking, lanes) {
            let inputs = (&*saved.q, &*saved.k, &*saved.v);
            let mut attended = Buffer::uncleared(saved.q.len());
            lanes.forward(inputs, &mut attended, block.threads);
            return attended;
        }
        let mut attended = Buffer::zeros(saved.q.len());
        let all = Asking::all(block, if asking.is_none() { sequences } else { 0 });
        let asking = asking.unwrap_or(&all);
        let attention = Attention::new(self.config, block.t, self.config.window(index));
        let mut scratch = Scratch::default();
        let keys = saved.k.chunks(block.t * kv_width).zip(saved.v.chunks(block.t * kv_width));
        for (range, (k, v)) in asking.sequences().zip(keys) {
            let rows = range.start * q_width..range.end * q_width;
            let inputs = (&saved.q[rows.clone()], k, v);
            attention.forward(&asking.positions[range], inputs, &mut attended[rows], &mut scratch);
        }
        attended
    }

    /// One layer over the next tokens of sequences whose earlier positions are cached; `x` keeps the
    /// asking rows.
    fn cached_layer(
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
        let mut normed = rms_norm(x, self.value(layer.input_norm), self.eps, on);
        let k = self.linear(&layer.k, &normed, hidden, on);
        let rows = k.len() / kv_width;
        let (_, k) = self.rotate(k, layer.k_norm, kv_width, block.positions(rows), on);
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
        let (_, q) = self.rotate(q, layer.q_norm, q_width, asking.positions.iter().copied(), on);
        let attention =
            Attention::new(self.config, block.start + block.t, self.config.window(index));
        let mut attended = Buffer::zeros(q.len());
        let mut scratch = Scratch::default();
        for (sequence, range) in sequences.iter().zip(asking.sequences()) {
            let (k, v) = &sequence.layers[index];
            let rows = range.start * q_width..range.end * q_width;
            let inputs = (&q[rows.clone()], k.as_slice(), v.as_slice());
            attention.forward(&asking.positions[range], inputs, &mut attended[rows], &mut scratch);
        }
        *x = self.finish_layer(layer, attended, x, on, &mut Saved::default());
    }
}

impl Sequence {
    fn extend(&mut self, layer: usize, k: &[f32], v: &[f32]) {
        if self.layers.len() <= layer {
            self.layers.resize_with(layer + 1, Default::default);
        }
        self.layers[layer].0.extend_from_slice(k);
        self.layers[layer].1.extend_from_slice(v);
    }

    /// Keys and values of a layer, `[positions, kv_width]`.
    pub(super) fn layer(&self, index: usize) -> (&[f32], &[f32]) {
        self.layers.get(index).map_or((&[], &[]), |(k, v)| (k, v))
    }

    /// Positions held, given the width of a position.
    pub(crate) fn positions(&self, kv_width: usize) -> usize {
        self.layers.first().map_or(0, |(k, _)| k.len() / kv_width)
    }
}

/// Cross-entropies of logits in the order of their targets.
pub(crate) fn losses(logits: &[f32], targets: &[u32]) -> Result<Vec<f32>> {
    let width = logits.len() / targets.len().max(1);
    let row = |(row, &target): (&[f32], &u32)| match usize::try_from(target) {
        Ok(target) if target < width => Ok(ops::cross_entropy(row, target)),
        _ => candle_core::bail!("target {target} outside {width} classes"),
    };
    logits.chunks(width.max(1)).zip(targets).map(row).collect()
}
