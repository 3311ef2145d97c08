//! Operands in the order in which the kernels read them.
//!
//! A panel holds 32 columns of the right operand, a line per step of the inner dimension; a packed
//! tile holds 14 rows of the left one, sixteen floats per step.

use std::cell::RefCell;
use std::ops::Range;

#[cfg(all(target_arch = "x86_64", not(feature = "portable-kernels")))]
use super::avx512 as instructions;
#[cfg(any(not(target_arch = "x86_64"), feature = "portable-kernels"))]
use super::portable as instructions;
use super::tile::{COLUMNS, FloatBlock, ROWS};
use crate::cpu::line::{Line, floats};
use crate::cpu::simd::has_kernels;

/// Floats per step of a packed tile: those of its rows, and room that makes a cache line of them.
pub(super) const TILE_STEP: usize = 16;

thread_local! {
    static SPARE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Lines that a thread may keep for its next product, in each of as many blocks.
const MOST_SPARE: usize = 1 << 17;
const MOST_BLOCKS: usize = 4;

/// Runs `work` on some lines of any content, taken from what the thread used before.
pub(super) fn with_lines<R>(count: usize, work: impl FnOnce(&mut [Line]) -> R) -> R {
    let enough = |spare: &mut Vec<Vec<Line>>| {
        let fitting = spare.iter().enumerate().filter(|(_, lines)| lines.len() >= count);
        let (index, _) = fitting.min_by_key(|(_, lines)| lines.len())?;
        Some(spare.swap_remove(index))
    };
    let mut lines = SPARE.with_borrow_mut(enough).unwrap_or_else(|| vec![Line::ZERO; count]);
    let result = work(&mut lines[..count]);
    if lines.len() <= MOST_SPARE {
        SPARE.with_borrow_mut(|spare| {
            spare.push(lines);
            if spare.len() > MOST_BLOCKS
                && let Some(smallest) = (0..spare.len()).min_by_key(|&i| spare[i].len())
            {
                spare.swap_remove(smallest);
            }
        });
    }
    result
}

/// Runs `work` on room for packed tiles of so many steps together.
pub(super) fn with_tiles<R>(steps: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    with_lines((steps * TILE_STEP).div_ceil(COLUMNS), |lines| {
        work(&mut floats(lines)[..steps * TILE_STEP])
    })
}

/// Packs up to 32 rows of a matrix of a width as the columns of a panel: the values of `range`, a
/// line for each. Columns without a row are zero.
pub(super) fn panel_of_rows(x: &[f32], width: usize, range: Range<usize>, panel: &mut [Line]) {
    assert!(x.len() <= COLUMNS * width && panel.len() == range.len(), "the panel does not fit");
    let (first, second) = x.split_at(x.len().min(16 * width));
    let out = floats(panel);
    transpose(first, width, range.clone(), out, COLUMNS);
    transpose(second, width, range, out.get_mut(16..).unwrap_or_default(), COLUMNS);
}

/// Packs up to 14 rows of a matrix of a width as a tile: the values of `range`.
pub(super) fn tile_of_rows(x: &[f32], width: usize, range: Range<usize>, tile: &mut [f32]) {
    assert!(x.len() <= ROWS * width, "the rows do not fit the tile");
    transpose(x, width, range, tile, TILE_STEP);
}

/// Writes each value of `range` of up to 16 rows to sixteen neighbours in `out`, `step` after those
/// of the value before; rows that do not exist are zero.
fn transpose(x: &[f32], width: usize, range: Range<usize>, out: &mut [f32], step: usize) {
    let count = x.len() / width;
    assert!(count <= 16 && x.len() == count * width, "the rows are not whole");
    let needed = range.len().checked_sub(1).map_or(0, |last| last * step + 16);
    assert!(range.end <= width && out.len() >= needed, "the lines do not fit");
    assert!(has_kernels(), "the processor has no kernel");
    for (index, from) in range.clone().step_by(16).enumerate() {
        let values = (range.end - from).min(16);
        let out = &mut out[index * 16 * step..];
        // No pointer is formed beyond the last row.
        let x = if count == 0 { x } else { &x[from..] };
        let block = FloatBlock { at: x.as_ptr(), stride: width, rows: count, values };
        #[expect(unsafe_code, reason = "vector instructions take pointers")]
        // SAFETY: the processor has the instructions. `count` rows of `values` floats are read from
        // `x` on at a distance of `width`, all within the rows; sixteen floats are written for each
        // of the values, `step` apart, all within `out`.
        unsafe {
            instructions::transpose(block, out.as_mut_ptr(), step);
        }
    }
}

/// Packs 32 columns of a matrix of a width, from `first` on, as a panel with a line per row.
pub(super) fn panel_of_columns(x: &[f32], width: usize, first: usize, panel: &mut [Line]) {
    columns::<COLUMNS, COLUMNS>(x, width, first, floats(panel));
}

/// Packs 14 columns of a matrix of a width, from `first` on, as a tile with a step per row.
pub(super) fn tile_of_columns(x: &[f32], width: usize, first: usize, tile: &mut [f32]) {
    columns::<ROWS, TILE_STEP>(x, width, first, tile);
}

/// Copies up to `N` columns to the first of every `STEP` floats; those that do not exist are zero.
fn columns<const N: usize, const STEP: usize>(
    x: &[f32],
    width: usize,
    first: usize,
    out: &mut [f32],
) {
    let count = (width - first).min(N);
    for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(STEP)) {
        let row = &row[first..first + count];
        if let Ok(row) = <&[f32; N]>::try_from(row) {
            // Of known length, so that no call is made for a few values.
            out[..N].copy_from_slice(row);
        } else {
            out.fill(0.0);
            out[..count].copy_from_slice(row);
        }
    }
}
