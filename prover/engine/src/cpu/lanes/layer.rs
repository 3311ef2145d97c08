//! One layer of the decoder over the next positions of a group of sequences.

use candle_core::Result;
use std::ops::Range;

use super::attention::{LaneAttention, Past};
use super::ops;
use super::space::{KeysValues, Projection, Space};
use super::weights::LaneWeights;
use crate::cpu::decoder::{CpuDecoder, HeadStep};
use crate::cpu::gemm::{Form, How, LaneMatrix, Operand};
use crate::cpu::line::{LANES, Line, room};
use crate::cpu::sequence::Sequence;
use crate::cpu::vector::Simd;
use crate::model::weights::{Layer, Linear};

/// Lines of activations that should stay in the second-level cache while a matrix passes by.
const BLOCK_LINES: usize = 5 << 10;

/// Fewest panels that a matrix is read for, where the cache would hold fewer.
const LEAST_PANELS: usize = 4;

/// The same for halved products, whose seven sums of weights take longer to read.
const LEAST_PANELS_HALVED: usize = 8;

/// A decoder for sequences side by side that begin with the same tokens: what all chunks read.
#[derive(Clone, Copy)]
pub(super) struct LaneDecoder<'a> {
    pub(super) decoder: &'a CpuDecoder<'a>,
    pub(super) weights: &'a LaneWeights,
    prefix: &'a Sequence,
}

/// The next positions of a group of sequences.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// Positions held between the prefix and these.
    pub(super) held: usize,
    /// How many positions these are.
    pub(super) t: usize,
    /// Whether only the last of them asks, as in the last layer.
    pub(super) asks_last: bool,
}

impl Span {
    /// The positions that ask, counted from the first of these.
    const fn asking(self) -> Range<usize> {
        if self.asks_last { self.t - 1..self.t } else { 0..self.t }
    }
}

impl<'a> LaneDecoder<'a> {
    pub(super) const fn new(
        decoder: &'a CpuDecoder<'a>,
        weights: &'a LaneWeights,
        prefix: &'a Sequence,
    ) -> Self {
        Self { decoder, weights, prefix }
    }

    pub(super) const fn simd(self) -> Simd {
        self.weights.simd
    }

    pub(super) const fn hidden(self) -> usize {
        self.decoder.config.hidden_size
    }

    pub(super) const fn layers(self) -> usize {
        self.decoder.positions.layers.len()
    }

    pub(super) const fn eps(self) -> f32 {
        self.decoder.eps
    }

    /// The norm after the last layer.
    pub(super) fn norm(self) -> &'a [f32] {
        self.decoder.value(self.decoder.positions.norm)
    }

    /// Embeddings of a group's tokens, `[t, hidden]`.
    pub(super) fn embed(self, tokens: &[u32], t: usize, x: &mut [Line]) -> Result<()> {
        let (decoder, width) = (self.decoder, self.hidden());
        let table = decoder.value(decoder.positions.embeddings);
        let scale = decoder.config.embedding_scale;
        for (position, x) in x.chunks_mut(width).enumerate() {
            // Lanes without a sequence repeat the first one.
            let mut rows = [&table[..0]; LANES];
            for (lane, row) in rows.iter_mut().enumerate() {
                let token = tokens.get(lane * t + position).unwrap_or(&tokens[position]);
                let at = usize::try_from(*token).map_or(usize::MAX, |i| i.saturating_mul(width));
                match table.get(at..at.saturating_add(width)) {
                    Some(values) => *row = values,
                    None => candle_core::bail!("token id {token} has no embedding"),
                }
            }
            for (c, line) in x.iter_mut().enumerate() {
                line.0 = std::array::from_fn(|lane| rows[lane][c] * scale);
            }
        }
        Ok(())
    }

    /// One layer over the positions whose residual stream is in `space.x`; after the last layer
    /// only that of the last position is left there.
    pub(super) fn layer(self, index: usize, span: Span, past: &mut KeysValues, space: &mut Space) {
        self.project(index, span, past, space);
        self.attend(index, span, past, space);
        let asking = span.asking();
        if span.asks_last {
            let hidden = self.hidden();
            space.x.copy_within(asking.start * hidden..asking.end * hidden, 0);
        }
        self.finish(&self.decoder.positions.layers[index], asking.len(), space);
    }

    /// Panels that pass through a layer's products together.
    fn block(self, layer: &Layer<usize>, panels: usize) -> usize {
        let halved = self.weights.matrix(&layer.gate).form().halved;
        let least = if halved { LEAST_PANELS_HALVED } else { LEAST_PANELS };
        let widest = self.decoder.config.intermediate_size.max(self.hidden());
        let most = (BLOCK_LINES / widest).max(least);
        let even = panels.div_ceil(panels.div_ceil(most)).max(1);
        // Halved products take positions two by two.
        if halved { even.next_multiple_of(2) } else { even }
    }

    /// Queries, keys and values of the positions, normed and rotated.
    fn project(self, index: usize, span: Span, past: &mut KeysValues, space: &mut Space) {
        let (simd, decoder) = (self.simd(), self.decoder);
        let layer = &decoder.positions.layers[index];
        let (hidden, kv_width, q_width) = (self.hidden(), decoder.kv_width(), decoder.q_width());
        let own = span.held * kv_width..(span.held + span.t) * kv_width;
        let k = &mut room(&mut past.keys, own.end)[own.clone()];
        let v = &mut room(&mut past.values, own.end)[own];
        let [q_matrix, k_matrix, v_matrix] =
            [&layer.q, &layer.k, &layer.v].map(|linear| self.weights.matrix(linear));
        let form = Form::of_all([q_matrix, k_matrix, v_matrix].map(LaneMatrix::form));
        let Space { x, normed, q, projection, .. } = space;
        let q = room(q, span.asking().len() * q_width);
        let block = self.block(layer, span.t);
        for first in (0..span.t).step_by(block) {
            let range = first..span.t.min(first + block);
            let of = |width: usize| range.start * width..range.end * width;
            let normed = room(normed, range.len() * hidden);
            self.normed(layer.input_norm, &x[of(hidden)], normed);
            let operand = Operand::new(simd, form, normed, &mut projection.converted);
            k_matrix.product(&operand, How::Set, &mut k[of(kv_width)]);
            v_matrix.product(&operand, How::Set, &mut v[of(kv_width)]);
            if !span.asks_last {
                q_matrix.product(&operand, How::Set, &mut q[of(q_width)]);
            } else if range.end == span.t {
                let normed = &normed[(range.len() - 1) * hidden..];
                let converted = &mut projection.converted;
                let operand = Operand::new(simd, q_matrix.form(), normed, converted);
                q_matrix.product(&operand, How::Set, q);
            }
        }
        let start = self.prefix.positions(kv_width) + span.held;
        self.add_bias(&layer.v, v);
        self.add_bias(&layer.k, k);
        self.add_bias(&layer.q, q);
        self.norm_and_rotate(decoder.keys(index), start, k);
        self.norm_and_rotate(decoder.queries(index), start + span.asking().start, q);
    }

    /// Writes lines behind a norm; as they are where there is none.
    fn normed(self, norm: Option<usize>, x: &[Line], out: &mut [Line]) {
        match norm {
            Some(norm) => {
                ops::rms_norm(self.simd(), x, self.decoder.value(norm), self.eps(), out);
            }
            None => out.copy_from_slice(x),
        }
    }

    /// Norm, where there is one, and rotation of a layer's queries or keys of positions from
    /// `start`.
    fn norm_and_rotate(self, step: HeadStep<'_>, start: usize, x: &mut [Line]) {
        let (simd, decoder) = (self.simd(), self.decoder);
        if let Some(norm) = step.norm {
            ops::rms_norm_in_place(simd, x, decoder.value(norm), decoder.eps);
        }
        for (x, position) in x.chunks_mut(step.width).zip(start..) {
            let (cos, sin) = step.rope.angles(position);
            ops::rotate(simd, x, decoder.config.head_dim, cos, sin);
        }
    }

    /// Writes what queries are answered with over them.
    fn attend(self, index: usize, span: Span, past: &KeysValues, space: &mut Space) {
        let decoder = self.decoder;
        let attention = LaneAttention::new(self.simd(), decoder.config, index);
        let (prefix_keys, prefix_values) = self.prefix.layer(index);
        let keys = Past { prefix: prefix_keys, panels: &past.keys };
        let values = Past { prefix: prefix_values, panels: &past.values };
        let first = self.prefix.positions(decoder.kv_width()) + span.held;
        let (asking, width) = (span.asking(), decoder.q_width());
        let queries = space.q[..asking.len() * width].chunks_mut(width);
        for (q, position) in queries.zip(first + asking.start..) {
            attention.answer(q, position, keys, values, &mut space.scores);
        }
    }

    /// What follows attention in a layer, for the first panels of the residual stream.
    fn finish(self, layer: &Layer<usize>, panels: usize, space: &mut Space) {
        let (simd, decoder) = (self.simd(), self.decoder);
        let (hidden, q_width) = (self.hidden(), decoder.q_width());
        let inner = decoder.config.intermediate_size;
        let [gate_matrix, up_matrix] =
            [&layer.gate, &layer.up].map(|linear| self.weights.matrix(linear));
        let form = Form::of_all([gate_matrix, up_matrix].map(LaneMatrix::form));
        let block = self.block(layer, panels);
        let Space { x, normed, q, gate, up, projection, .. } = space;
        let attended = q[..panels * q_width].chunks(block * q_width);
        for (x, attended) in x[..panels * hidden].chunks_mut(block * hidden).zip(attended) {
            let panels = x.len() / hidden;
            self.add_linear(&layer.o, layer.attended_norm, attended, x, projection);
            let normed = room(normed, x.len());
            self.normed(layer.post_norm, x, normed);
            let operand = Operand::new(simd, form, normed, &mut projection.converted);
            let (gate, up) = (room(gate, panels * inner), room(up, panels * inner));
            gate_matrix.product(&operand, How::Set, gate);
            up_matrix.product(&operand, How::Set, up);
            self.add_bias(&layer.gate, gate);
            self.add_bias(&layer.up, up);
            ops::gated(simd, decoder.config.activation, gate, up);
            self.add_linear(&layer.down, layer.fed_norm, gate, x, projection);
        }
    }

    /// Adds `norm(W · y + b)` to the residual stream; most models have neither norm nor bias here.
    fn add_linear(
        self,
        linear: &Linear<usize>,
        norm: Option<usize>,
        y: &[Line],
        x: &mut [Line],
        projection: &mut Projection,
    ) {
        let (simd, matrix) = (self.simd(), self.weights.matrix(linear));
        let operand = Operand::new(simd, matrix.form(), y, &mut projection.converted);
        if norm.is_none() && linear.bias.is_none() {
            matrix.product(&operand, How::Add, x);
            return;
        }
        let out = room(&mut projection.out, x.len());
        matrix.product(&operand, How::Set, out);
        self.add_bias(linear, out);
        if let Some(norm) = norm {
            ops::rms_norm_in_place(simd, out, self.decoder.value(norm), self.decoder.eps);
        }
        ops::add(simd, x, out);
    }

    fn add_bias(self, linear: &Linear<usize>, x: &mut [Line]) {
        if let Some(bias) = linear.bias {
            ops::add_bias(self.simd(), x, self.decoder.value(bias));
        }
    }
}
