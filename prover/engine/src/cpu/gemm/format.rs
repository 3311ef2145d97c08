//! Number formats of the operands of a product.

use rayon::prelude::*;

use crate::cpu::line::{Line, WordLine};
use crate::cpu::simd::{has_kernels, vectorized};
use crate::cpu::vector::{Simd, V};

/// Number format of a product's operands; sums are f32, of bytes i32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NumberFormat {
    /// Exact up to f32 rounding.
    F32,
    /// Operands rounded to bfloat16, sums in f32.
    Bf16,
    /// Operands rounded to eight bits, with a scale per row of weights and per token.
    Int8,
}

impl NumberFormat {
    /// Values of the inner dimension per word of 32 bits.
    pub(super) const fn per_word(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }

    /// WordLine that a row of `inner` values takes.
    pub(super) const fn words(self, inner: usize) -> usize {
        inner.div_ceil(self.per_word())
    }

    /// Whether there are kernels for this processor.
    pub(crate) fn available(self) -> bool {
        #[cfg(all(target_arch = "x86_64", not(feature = "portable-kernels")))]
        match self {
            Self::F32 => {}
            Self::Bf16 if is_x86_feature_detected!("avx512bf16") => {}
            Self::Int8 if is_x86_feature_detected!("avx512vnni") => {}
            Self::Bf16 | Self::Int8 => return false,
        }
        has_kernels()
    }

    /// One word of a row of weights; `step` is what a unit of a byte is worth.
    pub(super) fn word(self, values: &[f32], step: f32) -> u32 {
        match self {
            Self::F32 => values[0].to_bits(),
            Self::Bf16 => {
                let high = values.get(1).map_or(0, |&x| bfloat16(x));
                bfloat16(values[0]) | high << 16
            }
            Self::Int8 => {
                let mut bytes = [0_u8; 4];
                for (byte, &value) in bytes.iter_mut().zip(values) {
                    *byte = in_steps(value, step).cast_unsigned();
                }
                u32::from_le_bytes(bytes)
            }
        }
    }
}

/// What turns sums of products of bytes into floats, per row of weights; empty in the other
/// formats.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    /// What a unit of a byte is worth.
    pub(super) scales: Vec<f32>,
    /// 128 times the sum of the row's bytes: activations are stored with 128 added.
    pub(super) corrections: Vec<i32>,
}

impl Steps {
    /// Those of the rows of a matrix.
    pub(super) fn of(w: &[f32], inner: usize) -> Self {
        let scales: Vec<f32> = w.par_chunks(inner).map(|row| largest(row) / 127.0).collect();
        let sum = |(row, scale): (&[f32], &f32)| -> i32 {
            row.iter().map(|&value| i32::from(in_steps(value, *scale))).sum::<i32>() * 128
        };
        let corrections = w.par_chunks(inner).zip(&scales).map(sum).collect();
        Self { scales, corrections }
    }
}

/// The largest magnitude; NaN if there is one.
fn largest(row: &[f32]) -> f32 {
    let sum: f32 = row.iter().map(|x| x * 0.0).sum();
    row.iter().map(|x| x.abs()).fold(0.0, f32::max) + sum
}

/// A value in units of a byte.
#[expect(clippy::cast_possible_truncation, reason = "the value was clamped to a byte's range")]
fn in_steps(value: f32, step: f32) -> i8 {
    if step > 0.0 { (value / step).round().clamp(-127.0, 127.0) as i8 } else { 0 }
}

/// The upper half of an f32 after rounding to nearest, ties to even; NaN stays NaN.
#[inline(always)]
fn bfloat16(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    if x.is_nan() { 0x7fc0 } else { rounded }
}

/// Writes pairs of bfloat16 made from pairs of lines.
pub(super) fn to_bfloat16(x: &[Line], out: &mut [WordLine]) {
    vectorized(
        #[inline(always)]
        || {
            for (x, out) in x.chunks(2).zip(out) {
                let low = &x[0].0;
                let high = x.get(1).map_or(&Line::ZERO.0, |x| &x.0);
                for ((out, low), high) in out.0.iter_mut().zip(low).zip(high) {
                    *out = bfloat16(*low) | (bfloat16(*high) << 16);
                }
            }
        },
    );
}

/// Writes bytes, each 128 more than the value in steps, and what a step is worth in each lane.
///
/// A value that is no number makes its lane's scale NaN, and so everything that follows from it.
pub(super) fn to_bytes(simd: Simd, x: &[Line], out: &mut [WordLine], scales: &mut Line) {
    vectorized(
        #[inline(always)]
        || {
            let zero = simd.splat(0.0);
            let (mut largest, mut poison) = (zero, zero);
            for x in x {
                let x = simd.load(x);
                largest = largest.max(x.abs());
                poison = x.mul_add(zero, poison);
            }
            largest.div(simd.splat(127.0)).add(poison).store(scales);
            let inverse = simd.splat(127.0).div(largest);
            let inverse = inverse.where_greater(largest, zero, zero);
            for (x, out) in x.chunks(4).zip(out) {
                let steps = |i: usize| match x.get(i) {
                    Some(x) => simd.load(x).mul(inverse),
                    None => zero,
                };
                V::bytes([steps(0), steps(1), steps(2), steps(3)], out);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_bfloat16_is_to_nearest_even() {
        let rounded = [
            (1.0, 0x3f80),
            (-2.0, 0xc000),
            (1.003_906_3, 0x3f80),
            (1.011_718_8, 0x3f82),
            (0.0, 0),
            (f32::NAN, 0x7fc0),
            (f32::INFINITY, 0x7f80),
        ];
        for (x, bits) in rounded {
            assert_eq!(bfloat16(x), bits, "{x}");
        }
    }
}
