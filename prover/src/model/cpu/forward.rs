//! The forward pass.

use candle_core::Result;
use gemm::Parallelism;
use rayon::prelude::*;

use super::attention::Attention;
use super::ops::{add, product, rms_norm, swiglu};
use super::{Engine, ops};
use crate::model::weights::{Layer, Linear};

/// Keys and values of the positions of one sequence, per layer, `[s, kv_heads · d]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    layers: Vec<(Vec<f32>, Vec<f32>)>,
}

/// A block of equally long sequences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Tokens per sequence.
    pub(super) t: usize,
    /// Position of the first token.
    pub(super) start: usize,
    /// How matrix products run: on one core where there are several chunks.
    pub(super) threads: Parallelism,
}

/// What a layer computed, for its gradient.
#[derive(Default)]
pub(super) struct Saved {
    pub(super) x: Vec<f32>,
    pub(super) normed: Vec<f32>,
    /// Queries and keys before their norms, where the model has such norms.
    pub(super) raw_q: Vec<f32>,
    pub(super) raw_k: Vec<f32>,
    pub(super) q: Vec<f32>,
    pub(super) k: Vec<f32>,
    pub(super) v: Vec<f32>,
    pub(super) attended: Vec<f32>,
    pub(super) middle: Vec<f32>,
    pub(super) middle_normed: Vec<f32>,
    pub(super) gate: Vec<f32>,
    pub(super) up: Vec<f32>,
    pub(super) activated: Vec<f32>,
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
    let per_chunk = Engine::chunk(t);
    let threads = parallelism(sequences.len().div_ceil(per_chunk));
    let block = Block { t, start, threads };
    let chunks: Vec<Vec<f32>> = sequences
        .par_chunks_mut(per_chunk)
        .zip(tokens.par_chunks(per_chunk * t))
        .map(|(sequences, tokens)| engine.last_chunk(tokens, block, sequences))
        .collect::<Result<_>>()?;
    Ok(chunks.concat())
}

/// Logits after every token of equally long sequences, `[sequences · t, vocabulary]`.
pub(crate) fn next_token_logits(engine: &Engine<'_>, tokens: &[u32], t: usize) -> Result<Vec<f32>> {
    let per_chunk = Engine::chunk(t) * t;
    let block = Block { t, start: 0, threads: parallelism(tokens.len().div_ceil(per_chunk)) };
    let chunks: Vec<Vec<f32>> = tokens
        .par_chunks(per_chunk)
        .map(|tokens| {
            let mut x = engine.embed(tokens)?;
            for layer in &engine.positions.layers {
                engine.layer(layer, &mut x, block, &mut Saved::default());
            }
            Ok(engine.logits(&x, block.threads))
        })
        .collect::<Result<_>>()?;
    Ok(chunks.concat())
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
    pub(super) fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        let (table, width) = (self.value(self.positions.embeddings), self.config.hidden_size);
        let mut x = Vec::with_capacity(tokens.len() * width);
        for &token in tokens {
            let row =
                usize::try_from(token).ok().and_then(|i| table.get(i * width..(i + 1) * width));
            match row {
                Some(row) => x.extend_from_slice(row),
                None => candle_core::bail!("token id {token} has no embedding"),
            }
        }
        Ok(x)
    }

    /// Vocabulary logits of rows of the residual stream.
    pub(super) fn logits(&self, rows: &[f32], threads: Parallelism) -> Vec<f32> {
        let normed = rms_norm(rows, self.value(self.positions.norm), self.eps);
        product(&normed, self.value(self.positions.output), self.config.hidden_size, threads)
    }

    fn last_chunk(
        &self,
        tokens: &[u32],
        block: Block,
        sequences: &mut [Sequence],
    ) -> Result<Vec<f32>> {
        let mut x = self.embed(tokens)?;
        let last = self.positions.layers.len() - 1;
        for (index, layer) in self.positions.layers.iter().enumerate() {
            self.cached_layer(layer, &mut x, block, (sequences, index), index == last);
        }
        Ok(self.logits(&x, block.threads))
    }

    /// `x · Wᵀ + b`.
    fn linear(&self, linear: &Linear<usize>, x: &[f32], inner: usize, on: Parallelism) -> Vec<f32> {
        let mut out = product(x, self.value(linear.weight), inner, on);
        if let Some(bias) = linear.bias.map(|b| self.value(b)) {
            out.chunks_mut(bias.len()).for_each(|row| add(row, bias));
        }
        out
    }

    /// Norm per head (where there is one) and rotation of queries or keys; returns them with what
    /// the norm was applied to.
    fn rotate(
        &self,
        mut x: Vec<f32>,
        norm: Option<usize>,
        width: usize,
        block: Block,
    ) -> (Vec<f32>, Vec<f32>) {
        let raw = match norm {
            Some(norm) => {
                let normed = rms_norm(&x, self.value(norm), self.eps);
                std::mem::replace(&mut x, normed)
            }
            None => Vec::new(),
        };
        self.rope.rotate(&mut x, width, block.t, block.start, 1.0);
        (raw, x)
    }

    /// The feed-forward half, added to `x`.
    fn feed_forward(
        &self,
        layer: &Layer<usize>,
        x: &mut [f32],
        on: Parallelism,
        saved: &mut Saved,
    ) {
        let hidden = self.config.hidden_size;
        saved.middle_normed = rms_norm(x, self.value(layer.post_norm), self.eps);
        saved.gate = self.linear(&layer.gate, &saved.middle_normed, hidden, on);
        saved.up = self.linear(&layer.up, &saved.middle_normed, hidden, on);
        saved.activated = swiglu(&saved.gate, &saved.up);
        add(x, &self.linear(&layer.down, &saved.activated, self.config.intermediate_size, on));
    }

    /// One layer over whole sequences from position 0, keeping what its gradient needs.
    pub(super) fn layer(
        &self,
        layer: &Layer<usize>,
        x: &mut [f32],
        block: Block,
        saved: &mut Saved,
    ) {
        let (hidden, on) = (self.config.hidden_size, block.threads);
        let (q_width, kv_width) = (self.q_width(), self.kv_width());
        saved.x = x.to_vec();
        saved.normed = rms_norm(x, self.value(layer.input_norm), self.eps);
        let q = self.linear(&layer.q, &saved.normed, hidden, on);
        let k = self.linear(&layer.k, &saved.normed, hidden, on);
        saved.v = self.linear(&layer.v, &saved.normed, hidden, on);
        (saved.raw_q, saved.q) = self.rotate(q, layer.q_norm, q_width, block);
        (saved.raw_k, saved.k) = self.rotate(k, layer.k_norm, kv_width, block);
        let attention = Attention::new(self.config, block.t, block.t);
        let mut attended = vec![0.0; saved.q.len()];
        for (((q, k), v), out) in saved
            .q
            .chunks(block.t * q_width)
            .zip(saved.k.chunks(block.t * kv_width))
            .zip(saved.v.chunks(block.t * kv_width))
            .zip(attended.chunks_mut(block.t * q_width))
        {
            attention.forward(q, k, v, out);
        }
        add(x, &self.linear(&layer.o, &attended, q_width, on));
        saved.attended = attended;
        saved.middle = x.to_vec();
        self.feed_forward(layer, x, on, saved);
    }

    /// One layer over the next tokens of sequences whose earlier positions are cached. With
    /// `only_last`, `x` keeps just the row of each sequence's last token: nothing else is asked for
    /// after the last layer.
    fn cached_layer(
        &self,
        layer: &Layer<usize>,
        x: &mut Vec<f32>,
        block: Block,
        (sequences, index): (&mut [Sequence], usize),
        only_last: bool,
    ) {
        let (hidden, on) = (self.config.hidden_size, block.threads);
        let (q_width, kv_width) = (self.q_width(), self.kv_width());
        let mut normed = rms_norm(x, self.value(layer.input_norm), self.eps);
        let k = self.linear(&layer.k, &normed, hidden, on);
        let (_, k) = self.rotate(k, layer.k_norm, kv_width, block);
        let v = self.linear(&layer.v, &normed, hidden, on);
        let width = block.t * kv_width;
        for ((sequence, k), v) in sequences.iter_mut().zip(k.chunks(width)).zip(v.chunks(width)) {
            sequence.extend(index, k, v);
        }
        let mut asking = block;
        if only_last && block.t > 1 {
            *x = last_rows(x, block.t, hidden);
            normed = last_rows(&normed, block.t, hidden);
            asking = Block { t: 1, start: block.start + block.t - 1, ..block };
        }
        let q = self.linear(&layer.q, &normed, hidden, on);
        let (_, q) = self.rotate(q, layer.q_norm, q_width, asking);
        let attention = Attention::new(self.config, asking.t, block.start + block.t);
        let mut attended = vec![0.0; q.len()];
        let rows = attended.chunks_mut(asking.t * q_width).zip(q.chunks(asking.t * q_width));
        for (sequence, (out, q)) in sequences.iter().zip(rows) {
            let (k, v) = &sequence.layers[index];
            attention.forward(q, k, v, out);
        }
        add(x, &self.linear(&layer.o, &attended, q_width, on));
        self.feed_forward(layer, x, on, &mut Saved::default());
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

    /// Positions held, given the width of a position.
    pub(crate) fn positions(&self, kv_width: usize) -> usize {
        self.layers.first().map_or(0, |(k, _)| k.len() / kv_width)
    }
}

/// The last of every `t` rows.
fn last_rows(x: &[f32], t: usize, width: usize) -> Vec<f32> {
    x.chunks(t * width).flat_map(|rows| &rows[(t - 1) * width..]).copied().collect()
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
