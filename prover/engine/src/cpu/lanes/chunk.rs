//! Groups of sequences that one core takes through the decoder, and the memory they use.

use candle_core::Result;
use std::cell::RefCell;

use super::head::Top;
use super::layer::{LaneDecoder, Span};
use super::ops;
use super::space::{KeysValues, Space};
use crate::cpu::line::{LANES, Line, room};

/// Groups of up to 32 sequences on one core.
pub(super) struct Chunk<'a> {
    decoder: LaneDecoder<'a>,
    /// Sequences of a group.
    per_group: usize,
    memory: Memory,
    kept: Kept,
    /// Positions held beyond the prefix.
    held: usize,
    /// The normed residual stream after the last token, a panel per group.
    last: Vec<Line>,
}

/// Of which layers keys and values stay after they were used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Of all, for more tokens to come.
    AllLayers,
    /// Of none: each layer writes over those of the one before.
    NoLayer,
}

/// What a chunk writes to, used again by the next one.
#[derive(Default)]
struct Memory {
    space: Space,
    /// Per group and layer; where they are not kept, of one layer only.
    past: Vec<Vec<KeysValues>>,
}

thread_local! {
    /// Memory of chunks that ended. Going back to the allocator between small results that stay, it
    /// would be cut up and never fit again.
    static SPARE: RefCell<Vec<Memory>> = const { RefCell::new(Vec::new()) };
}

/// Lines that a thread may keep for its next chunk.
const MOST_SPARE: usize = 1 << 19;

impl Drop for Chunk<'_> {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        let past = memory.past.iter().flatten();
        let held: usize = past.map(|past| past.keys.capacity() + past.values.capacity()).sum();
        // While a thread ends, its spare memory may be gone already.
        let _ = SPARE.try_with(|spare| {
            let Ok(mut spare) = spare.try_borrow_mut() else { return };
            if spare.is_empty() && held + memory.space.x.capacity() <= MOST_SPARE {
                spare.push(memory);
            }
        });
    }
}

impl<'a> Chunk<'a> {
    /// A chunk for which only the prefix is held yet.
    pub(super) fn new(decoder: LaneDecoder<'a>, per_group: usize, kept: Kept) -> Self {
        let memory = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        Self { decoder, per_group, memory, kept, held: 0, last: Vec::new() }
    }

    /// Takes `t` more tokens of each sequence; the most likely next token of each.
    pub(super) fn advance(&mut self, tokens: &[u32], t: usize) -> Result<Vec<Top>> {
        self.run(tokens, t)?;
        let converted = &mut self.memory.space.projection.converted;
        let tops = self.decoder.tops(&self.last, converted);
        let of_sequences = tops.iter().flat_map(|tops| &tops[..self.per_group]);
        Ok(of_sequences.take(tokens.len() / t).copied().collect())
    }

    /// Takes `t` more tokens of each sequence of a single group; all logits after the last one.
    pub(super) fn write_logits(&mut self, tokens: &[u32], t: usize, out: &mut [f32]) -> Result<()> {
        self.run(tokens, t)?;
        let converted = &mut self.memory.space.projection.converted;
        self.decoder.write_logits(&self.last, converted, out);
        Ok(())
    }

    /// Takes `t` more tokens of each sequence.
    fn run(&mut self, tokens: &[u32], t: usize) -> Result<()> {
        let decoder = self.decoder;
        let (hidden, layers) = (decoder.hidden(), decoder.layers());
        let groups = tokens.chunks(self.per_group * t);
        let Memory { space, past } = &mut self.memory;
        past.resize_with(groups.len().max(past.len()), Vec::new);
        let keeps = self.kept == Kept::AllLayers;
        let slots = if keeps { layers } else { 1 };
        self.last.resize(groups.len() * hidden, Line::ZERO);
        for ((tokens, past), last) in groups.zip(past).zip(self.last.chunks_mut(hidden)) {
            past.resize_with(slots.max(past.len()), KeysValues::default);
            decoder.embed(tokens, t, room(&mut space.x, t * hidden))?;
            for index in 0..layers {
                let span = Span { held: self.held, t, asks_last: index + 1 == layers };
                decoder.layer(index, span, &mut past[if keeps { index } else { 0 }], space);
            }
            ops::rms_norm(decoder.simd(), &space.x[..hidden], decoder.norm(), decoder.eps(), last);
        }
        self.held += t;
        Ok(())
    }
}

/// Sequences of a group, of which there are as few as lanes allow, evenly filled.
pub(super) fn per_group(sequences: usize) -> usize {
    let groups = sequences.div_ceil(LANES).max(1);
    sequences.div_ceil(groups).max(1)
}
