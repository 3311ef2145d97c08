//! The kernels in plain Rust: what those of `avx512` compute, value by value. They compile for any
//! processor and run where the feature `portable-kernels` asks for them, so that everything around
//! the kernels can be tested on machines without AVX-512. They are no faster than the library.

#![expect(unsafe_code, reason = "the same pointers as the vector instructions take")]

use super::format::NumberFormat;
use super::tile::{COLUMNS, FloatBlock, Out, Tile};
use crate::cpu::simd::vectorized;

/// Runs the kernel for a tile.
///
/// # Safety
/// The pointers of the tile hold what it says.
pub(super) unsafe fn run(format: NumberFormat, tile: &Tile) {
    for row in 0..tile.rows {
        // SAFETY: the caller vouches for the tile, of which this is a row.
        unsafe {
            let values = vectorized(
                #[inline(always)]
                || match format {
                    NumberFormat::F32 => f32_row(tile, row),
                    NumberFormat::Bf16 => bf16_row(tile, row),
                    NumberFormat::Int8 => int8_row(tile, row),
                },
            );
            tile.outs.iter().flatten().for_each(|out| write(*out, row, &values));
        }
    }
}

/// A word of a row, and those of the columns at the same step.
#[inline(always)]
unsafe fn step(tile: &Tile, row: usize, step: usize) -> (u32, &[u32; COLUMNS]) {
    // SAFETY: the caller vouches for the tile and asks for one of its steps.
    unsafe {
        let columns = &*tile.b.add(step * COLUMNS).cast::<[u32; COLUMNS]>();
        (*tile.a.add(row * tile.stride + step * tile.step), columns)
    }
}

#[inline(always)]
unsafe fn f32_row(tile: &Tile, row: usize) -> [f32; COLUMNS] {
    let mut sums = [0.0; COLUMNS];
    for p in 0..tile.depth {
        // SAFETY: the caller vouches for the tile.
        let (a, columns) = unsafe { step(tile, row, p) };
        for (sum, b) in sums.iter_mut().zip(columns) {
            *sum = f32::from_bits(a).mul_add(f32::from_bits(*b), *sum);
        }
    }
    sums
}

#[inline(always)]
unsafe fn bf16_row(tile: &Tile, row: usize) -> [f32; COLUMNS] {
    let low = |word: u32| f32::from_bits(word << 16);
    let high = |word: u32| f32::from_bits(word & 0xffff_0000);
    let mut sums = [0.0; COLUMNS];
    for p in 0..tile.depth {
        // SAFETY: the caller vouches for the tile.
        let (a, columns) = unsafe { step(tile, row, p) };
        for (sum, &b) in sums.iter_mut().zip(columns) {
            // The instruction takes the high halves first (Intel SDM, VDPBF16PS).
            *sum = low(a).mul_add(low(b), high(a).mul_add(high(b), *sum));
        }
    }
    sums
}

#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "as the instruction rounds")]
unsafe fn int8_row(tile: &Tile, row: usize) -> [f32; COLUMNS] {
    let mut sums = [0_i32; COLUMNS];
    for p in 0..tile.depth {
        // SAFETY: the caller vouches for the tile.
        let (a, columns) = unsafe { step(tile, row, p) };
        for (sum, b) in sums.iter_mut().zip(columns) {
            // Weights have a sign, activations have 128 added instead.
            for (a, b) in a.to_le_bytes().into_iter().zip(b.to_le_bytes()) {
                *sum += i32::from(a.cast_signed()) * i32::from(b);
            }
        }
    }
    // SAFETY: the caller vouches for scales and corrections where values are bytes.
    let (scale, correction, lanes) = unsafe {
        let lanes = &*tile.lanes.cast::<[f32; COLUMNS]>();
        (*tile.scales.add(row), *tile.corrections.add(row), lanes)
    };
    std::array::from_fn(|c| (sums[c] - correction) as f32 * (scale * lanes[c]))
}

/// Writes the values of a row to a place.
unsafe fn write(out: Out, row: usize, values: &[f32; COLUMNS]) {
    for (c, value) in values.iter().enumerate().take(out.columns) {
        // SAFETY: the caller vouches for the place, of which this is a value.
        unsafe {
            let at = out.at.add(row * out.stride + c);
            let there = if out.kept { *at } else { 0.0 };
            *at = value.mul_add(out.sign, there);
        }
    }
}

/// Transposes a block: value `c` of its rows goes to the sixteen floats at `c · out_stride`, zeros
/// where there is no row.
///
/// # Safety
/// The block exists; there are sixteen floats in `out` for each value.
pub(super) unsafe fn transpose(x: FloatBlock, out: *mut f32, out_stride: usize) {
    for c in 0..x.values {
        for r in 0..16 {
            // SAFETY: the caller vouches for the block and for sixteen floats per value.
            unsafe {
                let value = if r < x.rows { *x.at.add(r * x.stride + c) } else { 0.0 };
                *out.add(c * out_stride + r) = value;
            }
        }
    }
}
