//! Weights cut into panels of 32 columns, for products with activations that lie row by row.

use gemm::Parallelism;
use rayon::prelude::*;

use super::kernel::{Panel, Rows, multiply};
use super::packing::panel_of_rows;
use super::place::{How, ProductPlace};
use super::tile::{COLUMNS, ROWS};
use crate::cpu::buffer::Buffer;
use crate::cpu::line::Line;
use crate::cpu::simd::has_kernels;

/// Rows that meet a panel one after the other; they should stay in the second-level cache.
const BLOCK: usize = 8 * ROWS;

/// The right operand of a product, packed once and used often.
#[derive(Debug)]
pub(in crate::cpu) struct Panels {
    inner: usize,
    columns: usize,
    /// Panel after panel, a line per step of the inner dimension.
    lines: Vec<Line>,
}

impl Panels {
    /// Packs the transpose of a matrix `[columns, inner]`, for products `x · Wᵀ`; `None` where the
    /// processor has no kernel for it.
    pub(in crate::cpu) fn new(w: &[f32], inner: usize) -> Option<Self> {
        if !has_kernels() {
            return None;
        }
        let columns = w.len() / inner;
        let mut lines = vec![Line::ZERO; columns.div_ceil(COLUMNS) * inner];
        let rows = w.par_chunks(COLUMNS * inner);
        let panels = lines.par_chunks_mut(inner).zip(rows);
        panels.for_each(|(panel, rows)| panel_of_rows(rows, inner, panel));
        Some(Self { inner, columns, lines })
    }

    /// The product with `x: [rows, inner]`.
    pub(in crate::cpu) fn product(&self, x: &[f32], on: Parallelism) -> Buffer {
        let rows = x.len() / self.inner;
        assert!(x.len() == rows * self.inner, "the rows do not fit the matrix");
        let mut out = Buffer::uncleared(rows * self.columns);
        let part = match on {
            Parallelism::None => rows,
            Parallelism::Rayon(_) => rows.div_ceil(rayon::current_num_threads().max(1)),
        };
        let part = part.next_multiple_of(ROWS).max(ROWS);
        if part >= rows {
            self.on_one_core(x, &mut out);
        } else {
            let x = x.par_chunks(part * self.inner);
            out.par_chunks_mut(part * self.columns)
                .zip(x)
                .for_each(|(out, x)| self.on_one_core(x, out));
        }
        out
    }

    fn on_one_core(&self, x: &[f32], out: &mut [f32]) {
        let mut copy = Buffer::default();
        let blocks = x.chunks(BLOCK * self.inner).zip(out.chunks_mut(BLOCK * self.columns));
        for (x, out) in blocks {
            let (x, stride) = self.spread(x, &mut copy);
            for (index, panel) in self.lines.chunks(self.inner).enumerate() {
                let tiles = out.chunks_mut(ROWS * self.columns).zip(x.chunks(ROWS * stride));
                for (out, x) in tiles {
                    let rows = Rows::floats(x, x.len() / stride, stride);
                    let place = ProductPlace::panel(How::Set, out, self.columns, index * COLUMNS);
                    multiply(rows, Panel::F32(panel), place, None);
                }
            }
        }
    }

    /// Rows and their distance: as they are, unless all would fall into the same few cache sets.
    fn spread<'a>(&self, x: &'a [f32], copy: &'a mut Buffer) -> (&'a [f32], usize) {
        if !self.inner.is_multiple_of(256) {
            return (x, self.inner);
        }
        let stride = self.inner + 16;
        let length = x.len() / self.inner * stride;
        if copy.len() != length {
            *copy = Buffer::zeros(length);
        }
        for (copy, row) in copy.chunks_mut(stride).zip(x.chunks(self.inner)) {
            copy[..row.len()].copy_from_slice(row);
        }
        (copy, stride)
    }
}
