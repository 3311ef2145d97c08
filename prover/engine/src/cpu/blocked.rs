//! Matrix products of the training passes over large weights, shared by all cores.
//!
//! Weights change with every step, so nothing made of them outlives a product: a panel of 32 columns is
//! rearranged where it is used, by the core that uses it, and never goes back to memory. Every value of a result is
//! computed by one core in an order that depends on the shapes only, so results do not depend on the number of cores.

use gemm::Parallelism;
use rayon::prelude::*;
use std::ops::Range;

use super::buffer::Buffer;
use super::ops;
use super::pack::{COLUMNS, Line, Place, ROWS, Tile, from_columns, from_rows, with_lines};
use super::simd::has_avx512;

/// Inner dimension that a panel is rearranged for at a time: 128 KiB, which stay in the second-level cache.
const DEPTH: usize = 1024;

/// Fewest tiles that a panel is rearranged for.
const LEAST_TILES: usize = 4;

/// Tiles of rows that meet a panel one after the other while they are in cache.
const GROUP: usize = 8;

/// `x · Wᵀ` for `x: [rows, inner]`, `w: [out, inner]`.
pub(super) fn product(x: &[f32], w: &[f32], inner: usize) -> Buffer {
    if !has_avx512() {
        return ops::product(x, w, inner, Parallelism::Rayon(0));
    }
    let columns = w.len() / inner;
    let mut out = Buffer::uncleared(x.len() / inner * columns);
    by_panels(&mut out, x, (inner, columns), false, |panel, range, lines| {
        let count = (columns - panel * COLUMNS).min(COLUMNS);
        let w = &w[panel * COLUMNS * inner..][..count * inner];
        from_rows::<2>(w, inner, range, lines);
    });
    out
}

/// `dx = grad · W`, the gradient of [`product`] in `x`, or `dx += grad · W`.
pub(super) fn dx(dx: &mut [f32], grad: &[f32], w: &[f32], inner: usize, accumulate: bool) {
    if !has_avx512() {
        return ops::product_dx(dx, grad, (w, inner), accumulate, Parallelism::Rayon(0));
    }
    let out = w.len() / inner;
    by_panels(dx, grad, (out, inner), accumulate, |panel, range, lines| {
        let w = &w[range.start * inner..range.end * inner];
        from_columns::<2, COLUMNS>(w, inner, panel * COLUMNS, lines);
    });
}

/// `dw = gradᵀ · x`, the gradient of [`product`] in `W`, or `dw += gradᵀ · x`.
pub(super) fn dw(dw: &mut [f32], grad: &[f32], x: &[f32], inner: usize, accumulate: bool) {
    if !has_avx512() || x.is_empty() {
        if !accumulate {
            dw.fill(0.0);
        }
        if !x.is_empty() {
            ops::product_dw(dw, grad, x, inner, Parallelism::Rayon(0));
        }
        return;
    }
    let out = dw.len() / inner;
    let blocks = x.chunks(DEPTH * inner).zip(grad.chunks(DEPTH * out));
    for (index, (x, grad)) in blocks.enumerate() {
        dw_block(dw, grad, x, inner, accumulate || index > 0);
    }
}

/// [`dw`] for few enough rows that their panels stay in cache.
fn dw_block(dw: &mut [f32], grad: &[f32], x: &[f32], inner: usize, accumulate: bool) {
    let (depth, out) = (x.len() / inner, dw.len() / inner);
    assert!(x.len() == depth * inner && dw.len() == out * inner, "matrix sizes do not fit");
    assert!(grad.len() == depth * out, "matrix shapes do not fit");
    let group = share(out.div_ceil(ROWS)) * ROWS;
    with_lines(inner.div_ceil(COLUMNS) * depth * 2, |panels| {
        panels.par_chunks_mut(depth * 2).enumerate().for_each(|(panel, lines)| {
            from_columns::<2, COLUMNS>(x, inner, panel * COLUMNS, lines);
        });
        dw.par_chunks_mut(group * inner).enumerate().for_each(|(index, dw)| {
            with_lines((dw.len() / inner).div_ceil(ROWS) * depth, |tiles| {
                for (tile, lines) in tiles.chunks_mut(depth).enumerate() {
                    from_columns::<1, ROWS>(grad, out, index * group + tile * ROWS, lines);
                }
                for (index, panel) in panels.chunks(depth * 2).enumerate() {
                    for (dw, rows) in dw.chunks_mut(ROWS * inner).zip(tiles.chunks(depth)) {
                        Tile { rows, panel, accumulate }.run(dw, inner, index * COLUMNS);
                    }
                }
            });
        });
    });
}

/// Tiles per task: enough tasks for all cores to end together, few enough to use what is in cache.
fn share(tiles: usize) -> usize {
    tiles.div_ceil(8 * rayon::current_num_threads().max(1)).clamp(1, GROUP)
}

/// `out = x · B` or `out += x · B` for `x: [rows, depth]` and `B: [depth, columns]`, of which
/// `pack(panel, range, lines)` makes panels.
fn by_panels(
    out: &mut [f32],
    x: &[f32],
    (depth, columns): (usize, usize),
    accumulate: bool,
    pack: impl Fn(usize, Range<usize>, &mut [Line]) + Sync,
) {
    let rows = x.len() / depth;
    assert!(x.len() == rows * depth && out.len() == rows * columns, "matrix shapes do not fit");
    let (tiles, panels) = (rows.div_ceil(ROWS), columns.div_ceil(COLUMNS));
    // Few panels are shared by several cores, each of which rearranges them for itself.
    let wanted = (8 * rayon::current_num_threads().max(1)).div_ceil(panels.max(1));
    let parts = wanted.min(tiles / LEAST_TILES).max(1);
    let part = tiles.div_ceil(parts).max(1);
    let shared = Shared { at: out.as_mut_ptr(), rows, columns };
    for from in (0..depth).step_by(DEPTH) {
        let range = from..depth.min(from + DEPTH);
        let accumulate = accumulate || from > 0;
        with_lines(tiles * range.len(), |a| {
            a.par_chunks_mut(range.len())
                .zip(x.par_chunks(ROWS * depth))
                .for_each(|(lines, x)| from_rows::<1>(x, depth, range.clone(), lines));
            let a = a.par_chunks(part * range.len()).enumerate();
            a.flat_map(|a| (0..panels).into_par_iter().map(move |panel| (a, panel))).for_each(
                |((index, tiles), panel)| {
                    with_lines(range.len() * 2, |lines| {
                        pack(panel, range.clone(), lines);
                        let first = index * part * ROWS;
                        shared.strip((first, panel), tiles, lines, accumulate);
                    });
                },
            );
        });
    }
}

/// A matrix whose columns are written by several cores, never the same ones.
struct Shared {
    at: *mut f32,
    rows: usize,
    columns: usize,
}

#[expect(unsafe_code, reason = "cores write to columns of one matrix side by side")]
// SAFETY: the pointer is used by `by_panels` alone, which gives each part of the matrix to one core.
unsafe impl Sync for Shared {}

impl Shared {
    /// Multiplies some tiles, whose first row is `first`, by one panel.
    fn strip(&self, (first, panel): (usize, usize), tiles: &[Line], lines: &[Line], add: bool) {
        let column = panel * COLUMNS;
        for (index, rows) in tiles.chunks(lines.len() / 2).enumerate() {
            let first = first + index * ROWS;
            assert!(first < self.rows && column < self.columns, "the strip does not fit");
            let tile = Tile { rows, panel: lines, accumulate: add };
            #[expect(unsafe_code, reason = "cores write to columns of one matrix side by side")]
            // SAFETY: the matrix has `rows` rows of `columns` values and is borrowed exclusively by `by_panels`, which
            // calls this once at a time for each of its strips.
            unsafe {
                tile.run_at(Place {
                    at: self.at.add(first * self.columns + column),
                    stride: self.columns,
                    rows: (self.rows - first).min(ROWS),
                    columns: (self.columns - column).min(COLUMNS),
                });
            }
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
            let expected = ops::product(&x, &w, inner, on);
            assert!(close(&product(&x, &w, inner), &expected), "{rows} {inner} {out}");

            for accumulate in [false, true] {
                let before = values(x.len(), &mut rng);
                let (mut found, mut expected) = (before.clone(), before);
                dx(&mut found, &grad, &w, inner, accumulate);
                ops::product_dx(&mut expected, &grad, (&w, inner), accumulate, on);
                assert!(close(&found, &expected), "{rows} {inner} {out} {accumulate}");

                let before = values(w.len(), &mut rng);
                let mut expected = if accumulate { before.clone() } else { vec![0.0; w.len()] };
                let mut found = before;
                dw(&mut found, &grad, &x, inner, accumulate);
                ops::product_dw(&mut expected, &grad, &x, inner, on);
                assert!(close(&found, &expected), "{rows} {inner} {out} {accumulate}");
            }
        }
    }

    #[test]
    fn no_rows_give_no_gradient() {
        let (mut sum, mut fresh) = ([1.0; 6], [1.0; 6]);
        dw(&mut sum, &[], &[], 3, true);
        dw(&mut fresh, &[], &[], 3, false);
        assert_eq!((sum, fresh), ([1.0; 6], [0.0; 6]));
    }
}
