//! Matrix products with weights that were rearranged once for AVX-512.
//!
//! A weight matrix is cut into panels of 32 output columns, each stored in the order in which the
//! kernel reads it; rows of activations are taken 14 at a time, so that 28 accumulators stay in
//! registers, and are read where they lie. The sum over the inner dimension runs in one order whatever the batch, so a row's
//! result does not depend on its neighbors. Compared with the general product this saves packing the
//! weights anew for every batch, and large inner dimensions do not fall out of cache.

use gemm::Parallelism;
use rayon::prelude::*;

use super::buffer::Buffer;
use super::simd::has_avx512;

/// Rows of activations per kernel call.
pub(super) const ROWS: usize = 14;
/// Columns of a panel.
const COLUMNS: usize = 32;
/// Rows that meet a panel one after the other; they should stay in the second-level cache.
const BLOCK: usize = 8 * ROWS;

/// One cache line, for alignment.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; 16]);

const ZERO: Line = Line([0.0; 16]);

/// A weight matrix `[out, inner]`, rearranged for products `x · Wᵀ`.
#[derive(Debug)]
pub(super) struct Packed {
    inner: usize,
    columns: usize,
    lines: Vec<Line>,
}

impl Packed {
    /// Rearranges a matrix; `None` where the processor has no kernel for it.
    pub(super) fn new(w: &[f32], inner: usize) -> Option<Self> {
        if !has_avx512() {
            return None;
        }
        let columns = w.len() / inner;
        let mut lines = vec![ZERO; columns.div_ceil(COLUMNS) * inner * 2];
        lines.par_chunks_mut(inner * 2).zip(w.par_chunks(COLUMNS * inner)).for_each(
            |(panel, rows)| {
                for (column, row) in rows.chunks(inner).enumerate() {
                    let (line, lane) = (column / 16, column % 16);
                    for (p, value) in row.iter().enumerate() {
                        panel[2 * p + line].0[lane] = *value;
                    }
                }
            },
        );
        Some(Self { inner, columns, lines })
    }

    /// Rearranges the transpose of a matrix `[inner, columns]`, for products `x · W`.
    pub(super) fn transposed(w: &[f32], columns: usize) -> Option<Self> {
        if !has_avx512() {
            return None;
        }
        let inner = w.len() / columns;
        let mut lines = vec![ZERO; columns.div_ceil(COLUMNS) * inner * 2];
        lines.par_chunks_mut(inner * 2).enumerate().for_each(|(panel, lines)| {
            pack_panel(w, columns, panel, lines);
        });
        Some(Self { inner, columns, lines })
    }

    /// `x · Wᵀ` for `x: [rows, inner]`.
    pub(super) fn product(&self, x: &[f32], threads: Parallelism) -> Buffer {
        let rows = x.len() / self.inner;
        assert!(x.len() == rows * self.inner, "the rows do not fit the matrix");
        let mut out = Buffer::uncleared(rows * self.columns);
        self.write(x, &mut out, false, threads);
        out
    }

    /// `out = x · Wᵀ`, or `out += x · Wᵀ`.
    pub(super) fn write(&self, x: &[f32], out: &mut [f32], accumulate: bool, threads: Parallelism) {
        let rows = x.len() / self.inner;
        assert!(out.len() == rows * self.columns, "the rows do not fit the matrix");
        let part = match threads {
            Parallelism::None => rows,
            Parallelism::Rayon(_) => rows.div_ceil(rayon::current_num_threads().max(1)),
        };
        let part = part.next_multiple_of(ROWS).max(ROWS);
        if part >= rows {
            self.rows(x, out, accumulate);
        } else {
            let x = x.par_chunks(part * self.inner);
            out.par_chunks_mut(part * self.columns)
                .zip(x)
                .for_each(|(out, x)| self.rows(x, out, accumulate));
        }
    }

    /// The product on one core.
    fn rows(&self, x: &[f32], out: &mut [f32], accumulate: bool) {
        let mut copy = Buffer::default();
        let blocks = x.chunks(BLOCK * self.inner).zip(out.chunks_mut(BLOCK * self.columns));
        for (x, out) in blocks {
            let (a, stride) = self.spread(x, &mut copy);
            for panel in 0..self.columns.div_ceil(COLUMNS) {
                let groups = out.chunks_mut(ROWS * self.columns).zip(a.chunks(ROWS * stride));
                for (out, a) in groups {
                    self.tile((a, stride), panel, out, accumulate);
                }
            }
        }
    }

    /// Rows and their distance: as they are, unless all would fall into the same few cache sets.
    fn spread<'a>(&self, x: &'a [f32], copy: &'a mut Buffer) -> (&'a [f32], usize) {
        if !self.inner.is_multiple_of(256) {
            return (x, self.inner);
        }
        let spread = self.inner + 16;
        if copy.len() != x.len() / self.inner * spread {
            *copy = Buffer::zeros(x.len() / self.inner * spread);
        }
        for (copy, row) in copy.chunks_mut(spread).zip(x.chunks(self.inner)) {
            copy[..row.len()].copy_from_slice(row);
        }
        (copy, spread)
    }

    /// Up to 14 rows times one panel.
    fn tile(&self, (a, stride): (&[f32], usize), panel: usize, out: &mut [f32], accumulate: bool) {
        let first = panel * COLUMNS;
        let width = (self.columns - first).min(COLUMNS);
        let rows = out.len() / self.columns;
        let b = &self.lines[panel * self.inner * 2..][..self.inner * 2];
        assert!((1..=ROWS).contains(&rows) && stride >= self.inner && a.len() == rows * stride);
        #[cfg(target_arch = "x86_64")]
        {
            let tile = Tile {
                depth: self.inner,
                a: a.as_ptr(),
                a_stride: stride,
                a_step: 1,
                accumulate,
                b: b.as_ptr(),
                masks: (mask(width), mask(width.saturating_sub(16))),
                out: out[first..].as_mut_ptr(),
                stride: self.columns,
            };
            #[expect(unsafe_code, reason = "vector instructions take pointers")]
            // SAFETY: `Packed` exists only where the processor has the instructions. The kernel
            // reads `depth` floats of each of `rows` rows of `a` and `depth` pairs of lines of `b`,
            // whose lengths were checked above, and writes `rows` rows of `width` floats at a distance of `stride`,
            // all within `out`.
            unsafe {
                KERNELS[rows - 1](tile);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("`Packed::new` gives none here: {width} of {}", b.len());
    }
}

/// Copies 32 columns of a row-major matrix; columns past the last stay zero.
fn pack_panel(w: &[f32], columns: usize, panel: usize, lines: &mut [Line]) {
    let first = panel * COLUMNS;
    let width = (columns - first).min(COLUMNS);
    for (row, pair) in w.chunks_exact(columns).zip(lines.chunks_exact_mut(2)) {
        let row = &row[first..first + width];
        let (low, high) = row.split_at(width.min(16));
        pair[0].0[..low.len()].copy_from_slice(low);
        pair[1].0[..high.len()].copy_from_slice(high);
    }
}

/// `dw += gradᵀ · x` on one core, for `grad: [rows, out]`, `x: [rows, inner]`, `dw: [out, inner]`; false,
/// with nothing done, where the processor has no kernel.
///
/// Neither operand is transposed: a column of `grad` is read with a stride, a few columns at a time.
pub(super) fn add_outer(dw: &mut [f32], grad: &[f32], x: &[f32], inner: usize) -> bool {
    if !has_avx512() {
        return false;
    }
    let (rows, out) = (x.len() / inner, dw.len() / inner);
    assert!(x.len() == rows * inner && dw.len() == out * inner, "matrix sizes do not fit");
    assert!(grad.len() == rows * out, "matrix shapes do not fit");
    let mut lines = vec![ZERO; rows * 2];
    for panel in 0..inner.div_ceil(COLUMNS) {
        let first = panel * COLUMNS;
        let width = (inner - first).min(COLUMNS);
        if width < COLUMNS {
            lines.fill(ZERO);
        }
        pack_panel(x, inner, panel, &mut lines);
        for from in (0..out).step_by(ROWS) {
            let count = (out - from).min(ROWS);
            #[cfg(target_arch = "x86_64")]
            {
                let tile = Tile {
                    depth: rows,
                    a: grad[from..].as_ptr(),
                    a_stride: 1,
                    a_step: out,
                    accumulate: true,
                    b: lines.as_ptr(),
                    masks: (mask(width), mask(width.saturating_sub(16))),
                    out: dw[from * inner + first..].as_mut_ptr(),
                    stride: inner,
                };
                #[expect(unsafe_code, reason = "vector instructions take pointers")]
                // SAFETY: the processor has the instructions, as was just asked. The kernel reads `count`
                // floats from column `from` on in each of `rows` rows of `grad`, and `rows` pairs of
                // lines; it reads and writes `width` floats from column `first` on in `count` rows of
                // `dw`. The assertions above bound all of these.
                unsafe {
                    KERNELS[count - 1](tile);
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            unreachable!("there is no kernel for {count} rows here");
        }
    }
    true
}

/// The lowest `width` of 16 lanes.
pub(super) fn mask(width: usize) -> u16 {
    if width >= 16 { u16::MAX } else { (1 << width) - 1 }
}

#[cfg(target_arch = "x86_64")]
use x86::{KERNELS, Tile};

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions take pointers")]
pub(super) mod x86 {
    use super::{Line, ROWS};
    use std::arch::x86_64::{
        __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_load_ps, _mm512_mask_storeu_ps,
        _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
    };

    /// Operands of a kernel call.
    #[derive(Clone, Copy)]
    pub(super) struct Tile {
        /// Inner dimension.
        pub(super) depth: usize,
        /// First row of activations.
        pub(super) a: *const f32,
        /// Floats between rows of activations.
        pub(super) a_stride: usize,
        /// Floats between values of a row of activations.
        pub(super) a_step: usize,
        /// Whether the product is added to what is there.
        pub(super) accumulate: bool,
        /// `depth` pairs of lines.
        pub(super) b: *const Line,
        /// Columns that exist, of the first and the second line.
        pub(super) masks: (u16, u16),
        /// First row of the result.
        pub(super) out: *mut f32,
        /// Floats between rows of the result.
        pub(super) stride: usize,
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn kernel<const R: usize>(tile: Tile) {
        // SAFETY: the caller vouches for the lengths behind the pointers.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            let (a, mut b) = (tile.a, tile.b.cast::<f32>());
            for p in 0..tile.depth {
                let (b0, b1) = (_mm512_load_ps(b), _mm512_load_ps(b.add(16)));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*a.add(r * tile.a_stride + p * tile.a_step));
                    sums[0] = _mm512_fmadd_ps(x, b0, sums[0]);
                    sums[1] = _mm512_fmadd_ps(x, b1, sums[1]);
                }
                b = b.add(32);
            }
            for (r, sums) in sums.iter().enumerate() {
                let out = tile.out.add(r * tile.stride);
                finish(out, tile.masks.0, sums[0], tile.accumulate);
                // A pointer past the last column must not even be formed.
                if tile.masks.1 != 0 {
                    finish(out.add(16), tile.masks.1, sums[1], tile.accumulate);
                }
            }
        }
    }

    /// Writes the lanes of the mask, or adds them to what is there.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(in super::super) unsafe fn finish(out: *mut f32, mask: u16, sum: __m512, accumulate: bool) {
        // SAFETY: the caller vouches for the lanes of the mask behind the pointer.
        unsafe {
            let sum = match accumulate {
                true => _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, out)),
                false => sum,
            };
            _mm512_mask_storeu_ps(out, mask, sum);
        }
    }

    type Kernel = unsafe fn(Tile);

    /// One kernel per number of rows.
    pub(super) static KERNELS: [Kernel; ROWS] = [
        kernel::<1>,
        kernel::<2>,
        kernel::<3>,
        kernel::<4>,
        kernel::<5>,
        kernel::<6>,
        kernel::<7>,
        kernel::<8>,
        kernel::<9>,
        kernel::<10>,
        kernel::<11>,
        kernel::<12>,
        kernel::<13>,
        kernel::<14>,
    ];
}

#[cfg(test)]
mod tests {
    use super::super::ops::{product, product_dw, product_dx};
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn values(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    fn largest_difference() -> Option<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut worst = 0.0_f32;
        for (rows, inner, columns) in
            [(1, 1, 1), (13, 7, 31), (14, 8, 32), (15, 33, 48), (100, 64, 33), (29, 5, 100)]
        {
            let (x, w) = (values(rows * inner, &mut rng), values(columns * inner, &mut rng));
            let expected = product(&x, &w, inner, Parallelism::None);
            let packed = Packed::new(&w, inner)?;
            for threads in [Parallelism::None, Parallelism::Rayon(0)] {
                let found = packed.product(&x, threads);
                assert_eq!(found.len(), expected.len());
                for (a, b) in found.iter().zip(expected.iter()) {
                    worst = worst.max((a - b).abs());
                }
            }
        }
        Some(worst)
    }

    #[test]
    fn products_of_the_backward_pass_follow_their_definition() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for (rows, inner, columns) in
            [(1, 1, 1), (13, 7, 31), (14, 8, 32), (15, 33, 48), (100, 64, 33), (29, 5, 100)]
        {
            let (x, w) = (values(rows * inner, &mut rng), values(columns * inner, &mut rng));
            let grad = values(rows * columns, &mut rng);
            let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
            let before = values(w.len(), &mut rng);
            let (mut found, mut expected) = (before.clone(), before.clone());
            product_dw(&mut expected, &grad, &x, inner, Parallelism::None);
            // Elsewhere there is no kernel, and nothing to compare.
            if !add_outer(&mut found, &grad, &x, inner) {
                return;
            }
            assert!(close(&found, &expected), "{rows} {inner} {columns}");
            let before = values(x.len(), &mut rng);
            let (mut found, mut expected) = (before.clone(), before.clone());
            product_dx(&mut expected, &grad, (&w, inner), true, Parallelism::None);
            let packed = Packed::transposed(&w, inner).unwrap();
            packed.write(&grad, &mut found, true, Parallelism::Rayon(0));
            assert!(close(&found, &expected), "{rows} {inner} {columns}");
        }
    }

    #[test]
    fn packed_products_follow_their_definition() {
        // Elsewhere there is no packed product, and nothing to compare.
        if let Some(worst) = largest_difference() {
            assert!(worst < 1e-4, "{worst}");
        }
    }
}
