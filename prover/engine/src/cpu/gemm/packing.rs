//! Weights in the order in which the kernels read the right operand: a panel holds 32 columns, a
//! line per step of the inner dimension.

#[cfg(all(target_arch = "x86_64", not(feature = "portable-kernels")))]
use super::avx512 as instructions;
#[cfg(any(not(target_arch = "x86_64"), feature = "portable-kernels"))]
use super::portable as instructions;
use super::tile::{COLUMNS, FloatBlock};
use crate::cpu::line::{Line, floats};
use crate::cpu::simd::has_kernels;

/// Rows that are transposed at a time: half a line of the panel.
const HALF: usize = COLUMNS / 2;

/// Packs up to 32 rows of a matrix of a width as the columns of a panel, a line for each of their
/// values. Columns without a row are zero.
pub(super) fn panel_of_rows(x: &[f32], width: usize, panel: &mut [Line]) {
    assert!(x.len() <= COLUMNS * width && panel.len() == width, "the panel does not fit");
    let (first, second) = x.split_at(x.len().min(HALF * width));
    let out = floats(panel);
    transpose(first, width, out);
    transpose(second, width, out.get_mut(HALF..).unwrap_or_default());
}

/// Writes each value of up to 16 rows to sixteen neighbours in `out`, a line after those of the
/// value before; rows that do not exist are zero.
fn transpose(x: &[f32], width: usize, out: &mut [f32]) {
    let count = x.len() / width;
    assert!(count <= HALF && x.len() == count * width, "the rows are not whole");
    let needed = width.checked_sub(1).map_or(0, |last| last * COLUMNS + HALF);
    assert!(out.len() >= needed, "the lines do not fit");
    assert!(has_kernels(), "the processor has no kernel");
    for from in (0..width).step_by(HALF) {
        let values = (width - from).min(HALF);
        let out = &mut out[from * COLUMNS..];
        // No pointer is formed beyond the last row.
        let x = if count == 0 { x } else { &x[from..] };
        let block = FloatBlock { at: x.as_ptr(), stride: width, rows: count, values };
        #[expect(unsafe_code, reason = "vector instructions take pointers")]
        // SAFETY: the processor has the instructions. `count` rows of `values` floats are read from
        // `x` on at a distance of `width`, all within the rows; sixteen floats are written for each
        // of the values, a line apart, all within `out`.
        unsafe {
            instructions::transpose(block, out.as_mut_ptr(), COLUMNS);
        }
    }
}
