//! Weights cut into tiles of rows, for products with sequences that lie side by side.

use rayon::prelude::*;

use super::format::{NumberFormat, Steps};
use super::kernel::{Rows, multiply};
use super::operand::{Form, Operand};
use super::place::{How, ProductPlace};
use super::tile::ROWS;
use crate::cpu::line::Line;

/// The left operand of a product, packed once and used often: a weight matrix `[rows, inner]`.
#[derive(Debug)]
pub(in crate::cpu) struct Tiles {
    format: NumberFormat,
    rows: usize,
    inner: usize,
    /// Rows per tile; the last tile may have fewer.
    height: usize,
    /// Tile after tile, in the order `[words, rows]`.
    words: Vec<u32>,
    steps: Steps,
}

/// Larger inner dimensions could overflow a sum of products of bytes.
const MOST_INNER_INT8: usize = 1 << 16;

impl Tiles {
    /// Packs a matrix; `None` where the processor has no kernel for it.
    pub(in crate::cpu) fn new(w: &[f32], inner: usize, format: NumberFormat) -> Option<Self> {
        if !format.available() || (format == NumberFormat::Int8 && inner > MOST_INNER_INT8) {
            return None;
        }
        let rows = w.len() / inner;
        // Tiles of one height where possible: a last one of a row or two costs as much as a whole.
        let height = rows.div_ceil(rows.div_ceil(ROWS)).max(1);
        let depth = format.words(inner);
        let mut words = vec![0; depth * rows];
        let steps =
            if format == NumberFormat::Int8 { Steps::of(w, inner) } else { Steps::default() };
        let tiles = words.par_chunks_mut(depth * height).zip(w.par_chunks(inner * height));
        tiles.enumerate().for_each(|(index, (words, w))| {
            let count = w.len() / inner;
            for (r, row) in w.chunks(inner).enumerate() {
                let step = steps.scales.get(index * height + r).copied().unwrap_or(1.0);
                for (d, values) in row.chunks(format.per_word()).enumerate() {
                    words[d * count + r] = format.word(values, step);
                }
            }
        });
        Some(Self { format, rows, inner, height, words, steps })
    }

    /// What its operands have to be.
    pub(in crate::cpu) const fn form(&self) -> Form {
        Form { format: self.format, inner: self.inner, halved: false }
    }

    /// Rows of every tile but the last.
    pub(in crate::cpu) const fn height(&self) -> usize {
        self.height
    }

    pub(in crate::cpu) const fn count(&self) -> usize {
        self.rows.div_ceil(self.height)
    }

    /// Tile `index`, whose first row is `index · height`.
    pub(in crate::cpu) fn tile(&self, index: usize) -> Rows<'_> {
        let first = index * self.height;
        let rows = self.height.min(self.rows - first);
        let depth = self.format.words(self.inner);
        let tile = Rows::packed(&self.words[first * depth..][..rows * depth], rows);
        if self.format != NumberFormat::Int8 {
            return tile;
        }
        let Steps { scales, corrections } = &self.steps;
        tile.in_bytes(&scales[first..first + rows], &corrections[first..first + rows])
    }

    /// `W · x`, set or added to `out`, for panels `x: [panels, inner]`, `out: [panels, rows]`.
    pub(super) fn product(&self, x: &Operand<'_>, how: How, out: &mut [Line]) {
        for index in 0..self.count() {
            // A tile meets all panels while it is in cache.
            let (tile, first) = (self.tile(index), index * self.height);
            for (panel, out) in out.chunks_mut(self.rows).enumerate() {
                let place = ProductPlace::lines(how, &mut out[first..][..tile.count()]);
                multiply(tile, x.panel(panel), place, None);
            }
        }
    }
}
