//! From the residual stream to the most likely token, without holding all logits.

use super::kernel::{How, Line, Target, multiply};
use super::matrix::Operand;
use super::vector::Simd;
use super::{Chunk, LANES, ops};
use crate::cpu::ops::as_f32;
use crate::cpu::simd::vectorized;

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
    rows: Line,
    first: Line,
    second: Line,
}

impl Tops {
    fn new() -> Self {
        let none = Line([f32::NEG_INFINITY; LANES]);
        Self { rows: Line::ZERO, first: none, second: none }
    }

    /// Takes the logits of some tokens, the first of which is `row`.
    fn take(&mut self, simd: Simd, row: usize, logits: &[Line]) {
        vectorized(
            #[inline(always)]
            || {
                let mut first = simd.load(&self.first);
                let mut second = simd.load(&self.second);
                let mut rows = simd.load(&self.rows);
                for (i, line) in logits.iter().enumerate() {
                    let x = simd.load(line);
                    let chases = x.where_greater(x, second, second);
                    second = first.where_greater(x, first, chases);
                    rows = simd.splat(as_f32(row + i)).where_greater(x, first, rows);
                    first = x.where_greater(x, first, first);
                }
                first.store(&mut self.first);
                second.store(&mut self.second);
                rows.store(&mut self.rows);
            },
        );
        // What is no number in the first place stays there, as in a scan of a slice.
        if row == 0 {
            for (lane, &start) in logits[0].0.iter().enumerate().filter(|(_, x)| x.is_nan()) {
                self.rows.0[lane] = 0.0;
                (self.first.0[lane], self.second.0[lane]) = (start, start);
            }
        }
    }
}

impl Chunk<'_> {
    /// The most likely next tokens, of all lanes that have a sequence, group by group.
    pub(super) fn tops(&mut self) -> Vec<Top> {
        let (simd, hidden) = (self.weights.simd, self.engine.config.hidden_size);
        let mut tops: Vec<Tops> = self.last.chunks(hidden).map(|_| Tops::new()).collect();
        self.each_tile(|panel, row, logits| tops[panel].take(simd, row, logits));
        let lane = |tops: &Tops, l: usize| Top {
            token: to_id(tops.rows.0[l]),
            first: tops.first.0[l],
            second: tops.second.0[l],
        };
        tops.iter().flat_map(|tops| (0..self.per_group).map(move |l| lane(tops, l))).collect()
    }

    /// All logits of a single group.
    pub(super) fn write_logits(&mut self, out: &mut [f32]) {
        let vocabulary = self.engine.config.vocab_size;
        self.each_tile(|_, row, logits| {
            for (lane, out) in out.chunks_mut(vocabulary).enumerate() {
                for (out, line) in out[row..].iter_mut().zip(logits) {
                    *out = line.0[lane];
                }
            }
        });
    }

    /// Hands the logits of a few tokens of one group at a time to `take(group, first token, logits)`,
    /// in the order of the tokens.
    fn each_tile(&mut self, mut take: impl FnMut(usize, usize, &[Line])) {
        let (simd, hidden) = (self.weights.simd, self.engine.config.hidden_size);
        let matrix = &self.weights.output;
        let mut converted = std::mem::take(&mut self.space.converted);
        let operand = Operand::new(simd, matrix.form(), &self.last, &mut converted);
        let mut logits = [Line::ZERO; super::kernel::ROWS];
        for index in 0..matrix.tiles() {
            let tile = matrix.tile(index);
            for group in 0..self.last.len() / hidden {
                let logits = &mut logits[..tile.rows];
                multiply((tile, operand.panel(group)), Target(How::Set, logits), None);
                if let Some(cap) = self.engine.config.logit_cap {
                    ops::soft_cap(simd, logits, cap);
                }
                take(group, index * matrix.tile_rows(), logits);
            }
        }
        self.space.converted = converted;
    }
}

/// A token id that was carried as a float.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ids are below 2^24")]
fn to_id(x: f32) -> u32 {
    x as u32
}
