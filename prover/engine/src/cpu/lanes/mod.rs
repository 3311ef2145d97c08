//! Answers to many prompts of one length, 32 sequences side by side.
//!
//! Each value of an activation is a line of 32 lanes, one per sequence, so that products, norms,
//! rotations and attention are vector operations without sums across lanes, whatever the width of a
//! head, and no padded or future position is computed. What all prompts begin with is held once. Products may run in a lower
//! precision, see [`Format`]; everything else is f32.

mod attention;
mod head;
mod kernel;
mod matrix;
mod ops;
mod rows;
mod strassen;
#[cfg(test)]
mod tests;
mod vector;

pub(crate) use head::Top;
pub(crate) use kernel::Format;
pub(super) use rows::RowAttention;

use candle_core::Result;
use rayon::prelude::*;
use std::cell::RefCell;

use super::forward::Sequence;
use super::packed::of_layers;
use super::{Engine, Guards};
use crate::model::Weights;
use crate::model::weights::{Layer, Linear};
use attention::{Attention, Past};
use kernel::Line;
use matrix::{Converted, Form, Matrix, Operand, Product};
use vector::Simd;

/// Sequences side by side: two vector registers.
pub(crate) const LANES: usize = 32;

/// Groups of lanes that one core takes at a time; they share a pass over the output matrix.
const MOST_GROUPS: usize = 8;

/// Lines of activations that should stay in the second-level cache while a matrix passes by.
const BLOCK_LINES: usize = 5 << 10;

/// Fewest panels that a matrix is read for, where the cache would hold fewer.
const LEAST_PANELS: usize = 4;

/// The same for halved products, whose seven sums of weights take longer to read.
const LEAST_PANELS_HALVED: usize = 8;

/// Weights above this many bytes are not held a second time.
const LIMIT: usize = 4 << 30;

/// All matrices of a decoder in one format, by the position of their parameter.
#[derive(Debug)]
pub(crate) struct LaneWeights {
    simd: Simd,
    products: Vec<Option<Product>>,
    /// Vocabulary by hidden.
    output: Matrix,
}

impl LaneWeights {
    /// Rearranges all matrices; `None` where the processor has no kernels for the format, or the
    /// weights are too large to hold twice.
    pub(crate) fn new(weights: &Weights, format: Format) -> Option<Self> {
        let total: usize = weights.named().iter().map(|(_, t)| 4 * t.elem_count()).sum();
        if total > LIMIT {
            return None;
        }
        let simd = Simd::new()?;
        let guards = Guards::new(weights);
        let values = guards.values().ok()?;
        let inner = |position: usize| weights.named()[position].1.dims().last().copied();
        let output = weights.positions.output;
        let mut products: Vec<Option<Product>> = values.iter().map(|_| None).collect();
        for position in of_layers(&weights.positions) {
            products[position] = Some(Product::new(values[position], inner(position)?, format)?);
        }
        let output = Matrix::new(values[output], inner(output)?, format)?;
        Some(Self { simd, products, output })
    }
}

/// Prompts of one length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prompts<'a> {
    /// What all of them begin with.
    pub(crate) prefix: &'a Sequence,
    /// How they go on, one after the other.
    pub(crate) tokens: &'a [u32],
    /// Tokens of each; > 0.
    pub(crate) t: usize,
}

/// Continues prompts greedily, 32 side by side: `step(state, top)` is called with the most likely
/// next token of a sequence, and says whether the sequence goes on with it; each ends after
/// `most` tokens at the latest. There is one state per prompt.
pub(crate) fn continue_greedily<S: Send>(
    engine: &Engine<'_>,
    weights: &LaneWeights,
    prompts: Prompts<'_>,
    most: usize,
    states: &mut [S],
    step: impl Fn(&mut S, Top) -> bool + Sync,
) -> Result<()> {
    let Prompts { prefix, tokens, t } = prompts;
    let groups = states.len().div_ceil(LANES).max(1);
    let per_group = states.len().div_ceil(groups).max(1);
    let per_core = groups.div_ceil(rayon::current_num_threads().max(1)).min(MOST_GROUPS);
    let per_chunk = per_group * per_core;
    states.par_chunks_mut(per_chunk).zip(tokens.par_chunks(per_chunk * t)).try_for_each(
        |(states, tokens)| {
            let mut chunk = Chunk::new(engine, weights, prefix, per_group, most > 1);
            let mut next = chunk.advance(tokens, t)?;
            let mut alive: Vec<bool> = vec![true; states.len()];
            for left in (0..most).rev() {
                let lanes = states.iter_mut().zip(&mut alive).zip(&next);
                for ((state, alive), &top) in lanes {
                    *alive = *alive && step(state, top);
                }
                if left == 0 || !alive.iter().any(|&alive| alive) {
                    break;
                }
                let tokens: Vec<u32> = next.iter().map(|top| top.token).collect();
                next = chunk.advance(&tokens, 1)?;
            }
            Ok(())
        },
    )
}

/// Logits after each prompt, `[prompts, vocabulary]`; arguments as for [`continue_greedily`].
pub(crate) fn last_logits(
    engine: &Engine<'_>,
    weights: &LaneWeights,
    prompts: Prompts<'_>,
) -> Result<Vec<f32>> {
    let Prompts { prefix, tokens, t } = prompts;
    let vocabulary = engine.config.vocab_size;
    let mut logits = vec![0.0; tokens.len() / t.max(1) * vocabulary];
    logits.par_chunks_mut(LANES * vocabulary).zip(tokens.par_chunks(LANES * t)).try_for_each(
        |(logits, tokens)| {
            let mut chunk = Chunk::new(engine, weights, prefix, LANES, false);
            chunk.run(tokens, t)?;
            chunk.write_logits(logits);
            Ok::<(), candle_core::Error>(())
        },
    )?;
    Ok(logits)
}

/// Groups of sequences on one core.
struct Chunk<'a> {
    engine: &'a Engine<'a>,
    weights: &'a LaneWeights,
    prefix: &'a Sequence,
    per_group: usize,
    /// Whether keys and values of all layers are kept, for more tokens to come.
    keep: bool,
    /// Keys and values per group and layer; where they are not kept, of one layer only.
    past: Pasts,
    /// Positions held beyond the prefix.
    held: usize,
    /// The normed residual stream after the last token, a panel per group.
    last: Vec<Line>,
    space: Space,
}

/// Memory for one group's activations, used again.
#[derive(Default)]
struct Space {
    x: Vec<Line>,
    normed: Vec<Line>,
    q: Vec<Line>,
    gate: Vec<Line>,
    up: Vec<Line>,
    out: Vec<Line>,
    scores: Vec<Line>,
    converted: Converted,
}

/// Keys and values per group and layer.
type Pasts = Vec<Vec<(Vec<Line>, Vec<Line>)>>;

thread_local! {
    /// Memory of chunks that ended. Going back to the allocator between small results that stay, it would be
    /// cut up and never fit again.
    static SPARE: RefCell<Vec<(Space, Pasts)>> = const { RefCell::new(Vec::new()) };
}

/// Lines that a thread may keep for its next chunk.
const MOST_SPARE: usize = 1 << 19;

impl Drop for Chunk<'_> {
    fn drop(&mut self) {
        let (space, past) = (std::mem::take(&mut self.space), std::mem::take(&mut self.past));
        let held: usize = past.iter().flatten().map(|(k, v)| k.capacity() + v.capacity()).sum();
        // While a thread ends, its spare memory may be gone already.
        let _ = SPARE.try_with(|spare| {
            let Ok(mut spare) = spare.try_borrow_mut() else { return };
            if spare.is_empty() && held + space.x.capacity() <= MOST_SPARE {
                spare.push((space, past));
            }
        });
    }
}

/// Makes room for some lines; their content is to be written.
fn room(lines: &mut Vec<Line>, count: usize) -> &mut [Line] {
    if lines.len() < count {
        lines.resize(count, Line::ZERO);
    }
    &mut lines[..count]
}

fn add_bias(simd: Simd, engine: &Engine<'_>, linear: &Linear<usize>, x: &mut [Line]) {
    if let Some(bias) = linear.bias {
        ops::add_bias(simd, x, engine.value(bias));
    }
}

impl<'a> Chunk<'a> {
    fn new(
        engine: &'a Engine<'a>,
        weights: &'a LaneWeights,
        prefix: &'a Sequence,
        per_group: usize,
        keep: bool,
    ) -> Self {
        let (space, past) = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let last = Vec::new();
        Self { engine, weights, prefix, per_group, keep, past, held: 0, last, space }
    }

    /// Takes `t` more tokens of each sequence; the most likely next token of each.
    fn advance(&mut self, tokens: &[u32], t: usize) -> Result<Vec<Top>> {
        self.run(tokens, t)?;
        let mut tops = self.tops();
        tops.truncate(tokens.len() / t);
        Ok(tops)
    }

    /// Takes `t` more tokens of each sequence.
    fn run(&mut self, tokens: &[u32], t: usize) -> Result<()> {
        let (simd, hidden) = (self.weights.simd, self.engine.config.hidden_size);
        let groups = tokens.chunks(self.per_group * t);
        let count = groups.len().max(self.past.len());
        self.past.resize_with(count, Vec::new);
        let mut last = std::mem::take(&mut self.last);
        last.resize(groups.len() * hidden, Line::ZERO);
        for (group, (tokens, last)) in groups.zip(last.chunks_mut(hidden)).enumerate() {
            self.embed(tokens, t)?;
            let layers = self.engine.positions.layers.len();
            for index in 0..layers {
                self.layer(group, index, t, index + 1 == layers);
            }
            let norm = self.engine.value(self.engine.positions.norm);
            ops::rms_norm(simd, &self.space.x[..hidden], norm, self.engine.eps, last);
        }
        self.last = last;
        self.held += t;
        Ok(())
    }

    /// Embeddings of a group's tokens, `[t, hidden]`.
    fn embed(&mut self, tokens: &[u32], t: usize) -> Result<()> {
        let engine = self.engine;
        let width = engine.config.hidden_size;
        let table = engine.value(engine.positions.embeddings);
        let scale = engine.config.embedding_scale;
        let x = room(&mut self.space.x, t * width);
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

    fn matrix(&self, position: usize) -> &'a Product {
        let matrix = self.weights.products[position].as_ref();
        matrix.unwrap_or_else(|| unreachable!("`LaneWeights` holds all matrices of layers"))
    }

    /// Panels that pass through a layer's products together.
    fn block(&self, layer: &Layer<usize>, panels: usize) -> usize {
        let halved = self.matrix(layer.gate.weight).form().halved;
        let least = if halved { LEAST_PANELS_HALVED } else { LEAST_PANELS };
        let widest = self.engine.config.intermediate_size.max(self.engine.config.hidden_size);
        let most = (BLOCK_LINES / widest).max(least);
        let even = panels.div_ceil(panels.div_ceil(most)).max(1);
        // Halved products take positions two by two.
        if halved { even.next_multiple_of(2) } else { even }
    }

    /// One layer over the next `t` positions of a group, whose residual stream is in `space.x`;
    /// after the last layer only the last position is left there.
    fn layer(&mut self, group: usize, index: usize, t: usize, last: bool) {
        let slot = if self.keep { index } else { 0 };
        let past = &mut self.past[group];
        if past.len() <= slot {
            past.resize_with(slot + 1, Default::default);
        }
        let (mut k, mut v) = std::mem::take(&mut past[slot]);
        let held = self.held;
        self.project(index, (held, t), (&mut k, &mut v), last);
        let asking = if last { t - 1..t } else { 0..t };
        let attention = Attention::new(self.weights.simd, self.engine.config, index);
        let (shared_k, shared_v) = self.prefix.layer(index);
        let first = self.prefix.positions(self.engine.kv_width()) + held;
        let keys = Past { prefix: shared_k, panels: &k };
        let values = Past { prefix: shared_v, panels: &v };
        let q_width = self.engine.q_width();
        let queries = self.space.q[..asking.len() * q_width].chunks_mut(q_width);
        for (q, i) in queries.zip(asking.clone()) {
            attention.panel(q, first + i, (keys, values), &mut self.space.scores);
        }
        if last {
            let hidden = self.engine.config.hidden_size;
            self.space.x.copy_within((t - 1) * hidden..t * hidden, 0);
        }
        self.finish_layer(&self.engine.positions.layers[index], asking.len());
        self.past[group][slot] = (k, v);
    }

    /// Queries, keys and values of the next positions, normed and rotated.
    fn project(
        &mut self,
        index: usize,
        (held, t): (usize, usize),
        (k, v): (&mut Vec<Line>, &mut Vec<Line>),
        last: bool,
    ) {
        let (simd, engine) = (self.weights.simd, self.engine);
        let layer = &engine.positions.layers[index];
        let (hidden, kv_width, q_width) =
            (engine.config.hidden_size, engine.kv_width(), engine.q_width());
        let k = &mut room(k, (held + t) * kv_width)[held * kv_width..];
        let v = &mut room(v, (held + t) * kv_width)[held * kv_width..];
        let norm = engine.value(layer.input_norm);
        let block = self.block(layer, t);
        let [q_matrix, k_matrix, v_matrix] =
            [&layer.q, &layer.k, &layer.v].map(|linear| self.matrix(linear.weight));
        let Space { x, normed, q, converted, .. } = &mut self.space;
        let q = room(q, if last { 1 } else { t } * q_width);
        for first in (0..t).step_by(block) {
            let range = first..t.min(first + block);
            let normed = room(normed, range.len() * hidden);
            ops::rms_norm(
                simd,
                &x[range.start * hidden..range.end * hidden],
                norm,
                engine.eps,
                normed,
            );
            let form = Form::of_all([q_matrix, k_matrix, v_matrix]);
            let operand = Operand::new(simd, form, normed, converted);
            let of = |width: usize| range.start * width..range.end * width;
            k_matrix.product(&operand, &mut k[of(kv_width)], false);
            v_matrix.product(&operand, &mut v[of(kv_width)], false);
            if !last {
                q_matrix.product(&operand, &mut q[of(q_width)], false);
            } else if range.end == t {
                let normed = &normed[(range.len() - 1) * hidden..];
                let operand = Operand::new(simd, q_matrix.form(), normed, converted);
                q_matrix.product(&operand, q, false);
            }
        }
        let start = self.prefix.positions(kv_width) + held;
        add_bias(simd, engine, &layer.v, v);
        for (linear, norm, x, width, start) in [
            (&layer.k, layer.k_norm, k, kv_width, start),
            (&layer.q, layer.q_norm, q, q_width, if last { start + t - 1 } else { start }),
        ] {
            add_bias(simd, engine, linear, x);
            if let Some(norm) = norm {
                ops::rms_norm_in_place(simd, x, engine.value(norm), engine.eps);
            }
            for (x, position) in x.chunks_mut(width).zip(start..) {
                ops::rotate(simd, x, engine.config.head_dim, engine.rope.angles(position));
            }
        }
    }
}

impl Chunk<'_> {
    /// What follows attention in a layer, for the first panels of the residual stream.
    fn finish_layer(&mut self, layer: &Layer<usize>, panels: usize) {
        let (simd, config) = (self.weights.simd, self.engine.config);
        let (hidden, inner, q_width) =
            (config.hidden_size, config.intermediate_size, self.engine.q_width());
        let (gate_matrix, up_matrix) =
            (self.matrix(layer.gate.weight), self.matrix(layer.up.weight));
        let block = self.block(layer, panels);
        let mut space = std::mem::take(&mut self.space);
        let Space { x, normed, q, gate, up, out, converted, .. } = &mut space;
        let q = &q[..panels * q_width];
        let blocks = x[..panels * hidden].chunks_mut(block * hidden);
        for (x, attended) in blocks.zip(q.chunks(block * q_width)) {
            let panels = x.len() / hidden;
            self.add_linear(&layer.o, layer.attended_norm, attended, x, (out, converted));
            let normed = room(normed, x.len());
            let post = self.engine.value(layer.post_norm);
            ops::rms_norm(simd, x, post, self.engine.eps, normed);
            let form = Form::of_all([gate_matrix, up_matrix]);
            let operand = Operand::new(simd, form, normed, converted);
            let (gate, up) = (room(gate, panels * inner), room(up, panels * inner));
            gate_matrix.product(&operand, gate, false);
            up_matrix.product(&operand, up, false);
            add_bias(simd, self.engine, &layer.gate, gate);
            add_bias(simd, self.engine, &layer.up, up);
            ops::gated(simd, config.activation, gate, up);
            self.add_linear(&layer.down, layer.fed_norm, gate, x, (out, converted));
        }
        self.space = space;
    }

    /// Adds `norm(W · y + b)` to the residual stream; most models have neither norm nor bias here.
    fn add_linear(
        &self,
        linear: &Linear<usize>,
        norm: Option<usize>,
        y: &[Line],
        x: &mut [Line],
        (out, converted): (&mut Vec<Line>, &mut Converted),
    ) {
        let simd = self.weights.simd;
        let matrix = self.matrix(linear.weight);
        let operand = Operand::new(simd, matrix.form(), y, converted);
        if norm.is_none() && linear.bias.is_none() {
            matrix.product(&operand, x, true);
            return;
        }
        let out = room(out, x.len());
        matrix.product(&operand, out, false);
        add_bias(simd, self.engine, linear, out);
        if let Some(norm) = norm {
            ops::rms_norm_in_place(simd, out, self.engine.value(norm), self.engine.eps);
        }
        ops::add(simd, x, out);
    }
}
