//! Weights cut into panels of 32 columns, for products with activations that lie row by row.

use gemm::Parallelism;
use rayon::prelude::*;

use super::kernel::{Panel, Rows, multiply};
use super::packing::{panel_of_columns, panel_of_rows, with_lines};
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
    pub(in crate::cpu) fn of_rows(w: &[f32], inner: usize) -> Option<Self> {
        Self::pack(w.len() / inner, inner, |index, panel| {
            let rows = &w[index * COLUMNS * inner..];
            panel_of_rows(&rows[..rows.len().min(COLUMNS * inner)], inner, 0..inner, panel);
        })
    }

    /// Packs a matrix `[inner, columns]`, for products `x · W`; `None` likewise.
    pub(in crate::cpu) fn of_columns(w: &[f32], columns: usize) -> Option<Self> {
        Self::pack(columns, w.len() / columns, |index, panel| {
            panel_of_columns(w, columns, index * COLUMNS, panel);
        })
    }

    fn pack(
        columns: usize,
        inner: usize,
        pack: impl Fn(usize, &mut [Line]) + Sync,
    ) -> Option<Self> {
        if !has_kernels() {
            return None;
        }
        let mut lines = vec![Line::ZERO; columns.div_ceil(COLUMNS) * inner];
        let panels = lines.par_chunks_mut(inner.max(1)).enumerate();
        panels.for_each(|(index, panel)| pack(index, panel));
        Some(Self { inner, columns, lines })
    }

    /// The product with `x: [rows, inner]`.
    pub(in crate::cpu) fn product(&self, x: &[f32], on: Parallelism) -> Buffer {
        let rows = x.len() / self.inner;
        let mut out = Buffer::uncleared(rows * self.columns);
        self.write(x, How::Set, &mut out, on);
        out
    }

    /// Writes the product with `x: [rows, inner]` to `out: [rows, columns]`.
    pub(in crate::cpu) fn write(&self, x: &[f32], how: How, out: &mut [f32], on: Parallelism) {
        let rows = x.len() / self.inner;
        assert!(x.len() == rows * self.inner, "the rows do not fit the matrix");
        assert!(out.len() == rows * self.columns, "the rows do not fit the matrix");
        let part = match on {
            Parallelism::None => rows,
            Parallelism::Rayon(_) => rows.div_ceil(rayon::current_num_threads().max(1)),
        };
        let part = part.next_multiple_of(ROWS).max(ROWS);
        if part >= rows {
            self.on_one_core(x, how, out);
        } else {
            let x = x.par_chunks(part * self.inner);
            out.par_chunks_mut(part * self.columns)
                .zip(x)
                .for_each(|(out, x)| self.on_one_core(x, how, out));
        }
    }

    fn on_one_core(&self, x: &[f32], how: How, out: &mut [f32]) {
        let mut copy = Buffer::default();
        let blocks = x.chunks(BLOCK * self.inner).zip(out.chunks_mut(BLOCK * self.columns));
        for (x, out) in blocks {
            let (x, stride) = self.spread(x, &mut copy);
            for (index, panel) in self.lines.chunks(self.inner).enumerate() {
                let tiles = out.chunks_mut(ROWS * self.columns).zip(x.chunks(ROWS * stride));
                for (out, x) in tiles {
                    let rows = Rows::floats(x, x.len() / stride, stride, 1);
                    let place = ProductPlace::panel(how, out, self.columns, index * COLUMNS);
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

/// `dw += gradᵀ · x` on one core, for `grad: [rows, out]`, `x: [rows, inner]`, `dw: [out, inner]`;
/// false, with nothing done, where the processor has no kernel.
///
/// Neither operand is transposed: a column of `grad` is read where it lies, a few at a time.
pub(in crate::cpu) fn add_outer(dw: &mut [f32], grad: &[f32], x: &[f32], inner: usize) -> bool {
    if !has_kernels() {
        return false;
    }
    let (rows, out) = (x.len() / inner, dw.len() / inner);
    assert!(x.len() == rows * inner && dw.len() == out * inner, "matrix sizes do not fit");
    assert!(grad.len() == rows * out, "matrix shapes do not fit");
    with_lines(rows, |panel| {
        for column in (0..inner).step_by(COLUMNS) {
            panel_of_columns(x, inner, column, panel);
            for (index, dw) in dw.chunks_mut(ROWS * inner).enumerate() {
                let columns = grad.get(index * ROWS..).unwrap_or_default();
                let columns = Rows::floats(columns, dw.len() / inner, 1, out);
                let place = ProductPlace::panel(How::Add, dw, inner, column);
                multiply(columns, Panel::F32(panel), place, None);
            }
        }
    });
    true
}
