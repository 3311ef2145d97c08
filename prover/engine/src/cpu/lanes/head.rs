//! From the residual stream to the most likely token, without holding all logits.

use super::layer::LaneDecoder;
use super::ops;
use crate::cpu::gemm::{Converted, How, Operand, ProductPlace, ROWS, multiply};
use crate::cpu::line::{LANES, Line};
use crate::cpu::simd::vectorized;
use crate::cpu::vector::Simd;
use crate::numbers::as_f32;

/// The most likely token, the lowest id among equals, with its logit and the runner-up's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Top {
    pub(crate) token: u32,
    pub(crate) first: f32,
    pub(crate) second: f32,
}

/// [`Top`] of 32 sequences while rows of the output matrix pass by.
struct Tops {
    /// Token ids, which are exact below 2^24.
    ids: Line,
    first: Line,
    second: Line,
}

impl Tops {
    fn new() -> Self {
        let none = Line([f32::NEG_INFINITY; LANES]);
        Self { ids: Line::ZERO, first: none, second: none }
    }

    /// Takes the logits of some tokens, the first of which is `token`.
    fn take(&mut self, simd: Simd, token: usize, logits: &[Line]) {
        vectorized(
            #[inline(always)]
            || {
                let mut first = simd.load(&self.first);
                let mut second = simd.load(&self.second);
                let mut ids = simd.load(&self.ids);
                for (i, line) in logits.iter().enumerate() {
                    let x = simd.load(line);
                    let chases = x.where_greater(x, second, second);
                    second = first.where_greater(x, first, chases);
                    ids = simd.splat(as_f32(token + i)).where_greater(x, first, ids);
                    first = x.where_greater(x, first, first);
                }
                first.store(&mut self.first);
                second.store(&mut self.second);
                ids.store(&mut self.ids);
            },
        );
        // What is no number in the first place stays there, as in a scan of a slice.
        if token == 0 {
            for (lane, &start) in logits[0].0.iter().enumerate().filter(|(_, x)| x.is_nan()) {
                self.ids.0[lane] = 0.0;
                (self.first.0[lane], self.second.0[lane]) = (start, start);
            }
        }
    }

    fn of_lane(&self, lane: usize) -> Top {
        let Self { ids, first, second } = self;
        Top { token: to_id(ids.0[lane]), first: first.0[lane], second: second.0[lane] }
    }
}

/// Logits of a few tokens in one group of sequences.
struct Logits<'a> {
    group: usize,
    /// The first of the tokens.
    token: usize,
    /// A line per token.
    lines: &'a [Line],
}

impl LaneDecoder<'_> {
    /// The most likely next tokens of all lanes, group by group, after the residual streams `last`.
    pub(super) fn tops(self, last: &[Line], converted: &mut Converted) -> Vec<[Top; LANES]> {
        let mut tops: Vec<Tops> = last.chunks(self.hidden()).map(|_| Tops::new()).collect();
        self.each_tile(last, converted, |Logits { group, token, lines }| {
            tops[group].take(self.simd(), token, lines);
        });
        tops.iter().map(|tops| std::array::from_fn(|lane| tops.of_lane(lane))).collect()
    }

    /// All logits of a single group.
    pub(super) fn write_logits(self, last: &[Line], converted: &mut Converted, out: &mut [f32]) {
        let vocabulary = self.decoder.config.vocab_size;
        self.each_tile(last, converted, |Logits { token, lines, .. }| {
            for (lane, out) in out.chunks_mut(vocabulary).enumerate() {
                for (out, line) in out[token..].iter_mut().zip(lines) {
                    *out = line.0[lane];
                }
            }
        });
    }

    /// Hands over the logits of a few tokens of one group at a time, in the order of the tokens.
    fn each_tile(self, last: &[Line], converted: &mut Converted, mut take: impl FnMut(Logits<'_>)) {
        let matrix = &self.weights.output;
        let operand = Operand::new(self.simd(), matrix.form(), last, converted);
        let mut lines = [Line::ZERO; ROWS];
        for index in 0..matrix.count() {
            let tile = matrix.tile(index);
            for group in 0..last.len() / self.hidden() {
                let lines = &mut lines[..tile.count()];
                multiply(tile, operand.panel(group), ProductPlace::lines(How::Set, lines), None);
                if let Some(cap) = self.decoder.config.logit_cap {
                    ops::soft_cap(self.simd(), lines, cap);
                }
                take(Logits { group, token: index * matrix.height(), lines });
            }
        }
    }
}

/// A token id that was carried as a float.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ids are below 2^24")]
fn to_id(x: f32) -> u32 {
    x as u32
}
