//! Products of training passes over large weights, shared by all cores.
//!
//! Weights change with every step, so nothing made of them outlives a product: a panel of 32
//! columns is packed where it is used, by the core that uses it, and never goes back to memory.
//! Every value of a result is computed by one core in an order that depends on the shapes only,
//! so results do not depend on the number of cores.

use gemm::Parallelism;
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

use super::kernel::{Panel, Rows, multiply};
use super::library;
use super::packing::{
    TILE_STEP, panel_of_columns, panel_of_rows, tile_of_columns, tile_of_rows, with_lines,
    with_tiles,
};
use super::place::{How, ProductPlace};
use super::tile::{COLUMNS, ROWS, Size};
use crate::cpu::buffer::Buffer;
use crate::cpu::line::Line;
use crate::cpu::simd::has_kernels;

/// Inner dimension that a panel is packed for at a time: 128 KiB, which stay in the second-level
/// cache.
pub(super) const DEPTH: usize = 1024;

/// Fewest tiles that a panel is packed for.
const LEAST_TILES: usize = 4;

/// Tiles of rows that meet a panel one after the other while they are in cache.
const GROUP: usize = 8;

/// `x · Wᵀ` for `x: [rows, inner]`, `w: [out, inner]`.
pub(in crate::cpu) fn product(x: &[f32], w: &[f32], inner: usize) -> Buffer {
    if !has_kernels() {
        return library::product(x, w, inner, Parallelism::Rayon(0));
    }
    let columns = w.len() / inner;
    let mut out = Buffer::uncleared(x.len() / inner * columns);
    let pack = |panel: usize, range: Range<usize>, lines: &mut [Line]| {
        let count = (columns - panel * COLUMNS).min(COLUMNS);
        panel_of_rows(&w[panel * COLUMNS * inner..][..count * inner], inner, range, lines);
    };
    by_panels(x, inner, pack, How::Set, Matrix::new(&mut out, columns));
    out
}

/// `grad · W`, the gradient of [`product`] in `x`, set or added to `dx`.
pub(in crate::cpu) fn dx(dx: &mut [f32], how: How, grad: &[f32], w: &[f32], inner: usize) {
    if !has_kernels() {
        return library::product_dx(dx, how, grad, w, inner, Parallelism::Rayon(0));
    }
    let pack = |panel: usize, range: Range<usize>, lines: &mut [Line]| {
        let w = &w[range.start * inner..range.end * inner];
        panel_of_columns(w, inner, panel * COLUMNS, lines);
    };
    by_panels(grad, w.len() / inner, pack, how, Matrix::new(dx, inner));
}

/// `gradᵀ · x`, the gradient of [`product`] in `W`, set or added to `dw`.
pub(in crate::cpu) fn dw(dw: &mut [f32], how: How, grad: &[f32], x: &[f32], inner: usize) {
    if !has_kernels() || x.is_empty() {
        return library::product_dw(dw, how, grad, x, inner, Parallelism::Rayon(0));
    }
    let out = dw.len() / inner;
    let blocks = x.chunks(DEPTH * inner).zip(grad.chunks(DEPTH * out));
    for (index, (x, grad)) in blocks.enumerate() {
        dw_block(dw, if index > 0 { How::Add } else { how }, grad, x, inner);
    }
}

/// [`dw`] for few enough rows that their panels stay in cache.
fn dw_block(dw: &mut [f32], how: How, grad: &[f32], x: &[f32], inner: usize) {
    let (depth, out) = (x.len() / inner, dw.len() / inner);
    assert!(x.len() == depth * inner && dw.len() == out * inner, "matrix sizes do not fit");
    assert!(grad.len() == depth * out, "matrix shapes do not fit");
    let group = share(out.div_ceil(ROWS)) * ROWS;
    let with_columns = |panels: &mut [Line]| {
        panels.par_chunks_mut(depth).enumerate().for_each(|(panel, lines)| {
            panel_of_columns(x, inner, panel * COLUMNS, lines);
        });
        dw.par_chunks_mut(group * inner).enumerate().for_each(|(index, dw)| {
            with_tiles((dw.len() / inner).div_ceil(ROWS) * depth, |tiles| {
                for (tile, floats) in tiles.chunks_mut(depth * TILE_STEP).enumerate() {
                    tile_of_columns(grad, out, index * group + tile * ROWS, floats);
                }
                for (index, panel) in panels.chunks(depth).enumerate() {
                    let tiles = tiles.chunks(depth * TILE_STEP);
                    for (dw, tile) in dw.chunks_mut(ROWS * inner).zip(tiles) {
                        let rows = Rows::floats(tile, dw.len() / inner, 1, TILE_STEP);
                        let place = ProductPlace::panel(how, dw, inner, index * COLUMNS);
                        multiply(rows, Panel::F32(panel), place, None);
                    }
                }
            });
        });
    };
    with_lines(inner.div_ceil(COLUMNS) * depth, with_columns);
}

/// Tiles per task: enough tasks for all cores to end together, few enough to use what is in cache.
fn share(tiles: usize) -> usize {
    tiles.div_ceil(8 * rayon::current_num_threads().max(1)).clamp(1, GROUP)
}

/// Multiplies `x: [rows, depth]` by a matrix of which `pack(panel, range, lines)` makes panels.
fn by_panels(
    x: &[f32],
    depth: usize,
    pack: impl Fn(usize, Range<usize>, &mut [Line]) + Sync,
    how: How,
    out: Matrix<'_>,
) {
    assert!(x.len() == out.rows * depth, "matrix shapes do not fit");
    let (tiles, panels) = (out.rows.div_ceil(ROWS), out.columns.div_ceil(COLUMNS));
    // Few panels are shared by several cores, each of which packs them for itself.
    let wanted = (8 * rayon::current_num_threads().max(1)).div_ceil(panels.max(1));
    let parts = wanted.min(tiles / LEAST_TILES).max(1);
    let part = tiles.div_ceil(parts).max(1);
    for from in (0..depth).step_by(DEPTH) {
        let range = from..depth.min(from + DEPTH);
        let how = if from > 0 { How::Add } else { how };
        with_tiles(tiles * range.len(), |packed| {
            packed
                .par_chunks_mut(range.len() * TILE_STEP)
                .zip(x.par_chunks(ROWS * depth))
                .for_each(|(tile, x)| tile_of_rows(x, depth, range.clone(), tile));
            let parts = packed.par_chunks(part * range.len() * TILE_STEP).enumerate();
            let strips =
                parts.flat_map(|part| (0..panels).into_par_iter().map(move |panel| (part, panel)));
            strips.for_each(|((index, tiles), panel)| {
                with_lines(range.len(), |lines| {
                    pack(panel, range.clone(), lines);
                    out.write_strip(how, Corner { row: index * part * ROWS, panel }, tiles, lines);
                });
            });
        });
    }
}

/// Where a strip of tiles begins in a matrix.
#[derive(Clone, Copy)]
struct Corner {
    row: usize,
    panel: usize,
}

/// A matrix whose panels are written by several cores, never the same rows of one at a time.
struct Matrix<'a> {
    at: *mut f32,
    rows: usize,
    columns: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

#[expect(unsafe_code, reason = "cores write to columns of one matrix side by side")]
// SAFETY: the pointer is used by `by_panels` alone, which gives each part of the matrix to one
// core.
unsafe impl Sync for Matrix<'_> {}

impl<'a> Matrix<'a> {
    fn new(out: &'a mut [f32], columns: usize) -> Self {
        let rows = out.len() / columns;
        assert!(out.len() == rows * columns, "the matrix is not whole");
        Self { at: out.as_mut_ptr(), rows, columns, borrowed: PhantomData }
    }

    /// Multiplies some tiles by one panel, into the rows from a corner on.
    fn write_strip(&self, how: How, corner: Corner, tiles: &[f32], panel: &[Line]) {
        let column = corner.panel * COLUMNS;
        for (index, tile) in tiles.chunks(panel.len() * TILE_STEP).enumerate() {
            let row = corner.row + index * ROWS;
            assert!(row < self.rows && column < self.columns, "the strip does not fit");
            let size = Size {
                rows: (self.rows - row).min(ROWS),
                columns: (self.columns - column).min(COLUMNS),
            };
            let rows = Rows::floats(tile, size.rows, 1, TILE_STEP);
            #[expect(unsafe_code, reason = "cores write to columns of one matrix side by side")]
            // SAFETY: the matrix has `rows` rows of `columns` floats, within which the place lies
            // as was just asserted. It is borrowed exclusively, and `by_panels` calls this once
            // at a time for each of its strips, which do not overlap.
            let place = unsafe {
                ProductPlace::part(
                    how,
                    self.at.add(row * self.columns + column),
                    self.columns,
                    size,
                )
            };
            multiply(rows, Panel::F32(panel), place, None);
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn values(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3)
    }

    /// Partial tiles and panels, few of either, and inner dimensions that are cut.
    const SHAPES: [(usize, usize, usize); 8] = [
        (1, 1, 1),
        (13, 7, 31),
        (14, 16, 32),
        (15, 33, 48),
        (200, 64, 33),
        (29, 1100, 47),
        (29, 47, 1100),
        (1100, 30, 20),
    ];

    #[test]
    fn products_follow_their_definition() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (rows, inner, out) in SHAPES {
            let (x, w) = (values(rows * inner, &mut rng), values(out * inner, &mut rng));
            let grad = values(rows * out, &mut rng);
            let on = Parallelism::None;
            let expected = library::product(&x, &w, inner, on);
            assert!(close(&product(&x, &w, inner), &expected), "{rows} {inner} {out}");

            for how in [How::Set, How::Add] {
                let before = values(x.len(), &mut rng);
                let (mut found, mut expected) = (before.clone(), before);
                dx(&mut found, how, &grad, &w, inner);
                library::product_dx(&mut expected, how, &grad, &w, inner, on);
                assert!(close(&found, &expected), "{rows} {inner} {out} {how:?}");

                let before = values(w.len(), &mut rng);
                let (mut found, mut expected) = (before.clone(), before);
                dw(&mut found, how, &grad, &x, inner);
                library::product_dw(&mut expected, how, &grad, &x, inner, on);
                assert!(close(&found, &expected), "{rows} {inner} {out} {how:?}");
            }
        }
    }

    #[test]
    fn no_rows_give_no_gradient() {
        let (mut sum, mut fresh) = ([1.0; 6], [1.0; 6]);
        dw(&mut sum, How::Add, &[], &[], 3);
        dw(&mut fresh, How::Set, &[], &[], 3);
        assert_eq!((sum, fresh), ([1.0; 6], [0.0; 6]));
    }
}
