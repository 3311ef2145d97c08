//! The kernels in instructions of AVX-512, and the transposition that packs rows into lines.
//!
//! This is the only file of products that speaks in instructions. There is one loop, [`product`],
//! over one set of sums; number formats differ in what a step adds to a sum.

#![expect(unsafe_code, reason = "vector instructions take pointers")]

use std::arch::x86_64::*;

use super::format::NumberFormat;
use super::tile::{COLUMNS, FloatBlock, Out, ROWS, Tile};

/// Lanes of a register that hold `values` values.
const fn mask(values: usize) -> u16 {
    if values >= 16 { u16::MAX } else { (1 << values) - 1 }
}

/// How values of a format are multiplied and added up.
///
/// # Safety
/// The processor must have AVX-512 and what the format needs beyond it; pointers must hold what is
/// read.
trait Arithmetic {
    /// A register of sixteen sums.
    type Sum: Copy;
    /// A register of sixteen words.
    type Words: Copy;

    unsafe fn zero() -> Self::Sum;
    unsafe fn load(at: *const u32) -> Self::Words;
    unsafe fn broadcast(at: *const u32) -> Self::Words;
    unsafe fn add_product(sum: Self::Sum, a: Self::Words, b: Self::Words) -> Self::Sum;
    /// Floats of the sums.
    unsafe fn values<const R: usize>(sums: [[Self::Sum; 2]; R], tile: &Tile) -> [[__m512; 2]; R];
}

/// The loop of all kernels. Where it is not inlined, the sums leave their registers.
#[inline(always)]
unsafe fn product<A: Arithmetic, const R: usize>(tile: &Tile) {
    // SAFETY: the caller vouches for instructions and for the lengths behind the pointers.
    unsafe {
        let mut sums = [[A::zero(); 2]; R];
        let (mut a, mut b) = (tile.a, tile.b);
        for _ in 0..tile.depth {
            let columns = [A::load(b), A::load(b.add(16))];
            for (r, sums) in sums.iter_mut().enumerate() {
                let row = A::broadcast(a.add(r * tile.stride));
                sums[0] = A::add_product(sums[0], row, columns[0]);
                sums[1] = A::add_product(sums[1], row, columns[1]);
            }
            // After the last step these point past the end, where nothing is read.
            (a, b) = (a.wrapping_add(tile.step), b.wrapping_add(32));
        }
        finish(tile.outs, &A::values(sums, tile));
    }
}

/// Writes values to their places.
#[inline(always)]
unsafe fn finish<const R: usize>(outs: [Option<Out>; 2], values: &[[__m512; 2]; R]) {
    for out in outs.into_iter().flatten() {
        // SAFETY: the caller vouches for instructions and places.
        unsafe {
            // Asked once, so that whole lines, the most frequent, pay for no mask.
            match out.columns {
                COLUMNS => write_lines(out, values),
                _ => write_columns(out, values),
            }
        }
    }
}

/// Writes all 32 columns.
#[inline(always)]
unsafe fn write_lines<const R: usize>(out: Out, values: &[[__m512; 2]; R]) {
    // SAFETY: the caller vouches for instructions and the place. What is not kept is not read.
    unsafe {
        let sign = _mm512_set1_ps(out.sign);
        let kept = if out.kept { u16::MAX } else { 0 };
        for (r, values) in values.iter().enumerate() {
            for (half, value) in values.iter().enumerate() {
                let at = out.at.add(r * out.stride + half * 16);
                let there = _mm512_maskz_loadu_ps(kept, at);
                _mm512_storeu_ps(at, _mm512_fmadd_ps(*value, sign, there));
            }
        }
    }
}

/// Writes the columns that exist.
#[inline(always)]
unsafe fn write_columns<const R: usize>(out: Out, values: &[[__m512; 2]; R]) {
    // SAFETY: the caller vouches for instructions and the place. Columns that do not exist or are
    // not kept are not read, nor is a pointer to them formed.
    unsafe {
        let sign = _mm512_set1_ps(out.sign);
        let kept = if out.kept { u16::MAX } else { 0 };
        let masks = [mask(out.columns), mask(out.columns.saturating_sub(16))];
        for (r, values) in values.iter().enumerate() {
            for (half, (value, mask)) in values.iter().zip(masks).enumerate() {
                if mask != 0 {
                    let at = out.at.add(r * out.stride + half * 16);
                    let there = _mm512_maskz_loadu_ps(kept & mask, at);
                    _mm512_mask_storeu_ps(at, mask, _mm512_fmadd_ps(*value, sign, there));
                }
            }
        }
    }
}

/// Fused multiply-adds of floats.
struct F32;

impl Arithmetic for F32 {
    type Sum = __m512;
    type Words = __m512;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(at: *const u32) -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_load_ps(at.cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(at: *const u32) -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_set1_ps(*at.cast()) }
    }

    #[inline(always)]
    unsafe fn add_product(sum: __m512, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_fmadd_ps(a, b, sum) }
    }

    #[inline(always)]
    unsafe fn values<const R: usize>(sums: [[__m512; 2]; R], _: &Tile) -> [[__m512; 2]; R] {
        sums
    }
}

/// Products of pairs of bfloat16, added to floats.
struct Bf16;

impl Arithmetic for Bf16 {
    type Sum = __m512;
    type Words = __m512bh;

    #[inline(always)]
    unsafe fn zero() -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn load(at: *const u32) -> __m512bh {
        // SAFETY: as the trait says; pairs of bfloat16 have the layout of words.
        unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_load_si512(at.cast())) }
    }

    #[inline(always)]
    unsafe fn broadcast(at: *const u32) -> __m512bh {
        // SAFETY: as the trait says; pairs of bfloat16 have the layout of words.
        unsafe { std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(*at.cast())) }
    }

    #[inline(always)]
    unsafe fn add_product(sum: __m512, a: __m512bh, b: __m512bh) -> __m512 {
        // SAFETY: as the trait says.
        unsafe { _mm512_dpbf16_ps(sum, a, b) }
    }

    #[inline(always)]
    unsafe fn values<const R: usize>(sums: [[__m512; 2]; R], _: &Tile) -> [[__m512; 2]; R] {
        sums
    }
}

/// Products of four bytes, added to whole numbers and scaled at the end.
struct Int8;

impl Arithmetic for Int8 {
    type Sum = __m512i;
    type Words = __m512i;

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: as the trait says.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn load(at: *const u32) -> __m512i {
        // SAFETY: as the trait says.
        unsafe { _mm512_load_si512(at.cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(at: *const u32) -> __m512i {
        // SAFETY: as the trait says.
        unsafe { _mm512_set1_epi32(*at.cast()) }
    }

    #[inline(always)]
    unsafe fn add_product(sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: as the trait says. The columns are the bytes without a sign.
        unsafe { _mm512_dpbusd_epi32(sum, b, a) }
    }

    #[inline(always)]
    unsafe fn values<const R: usize>(sums: [[__m512i; 2]; R], tile: &Tile) -> [[__m512; 2]; R] {
        // SAFETY: as the trait says.
        unsafe {
            let lanes = [_mm512_load_ps(tile.lanes), _mm512_load_ps(tile.lanes.add(16))];
            let mut values = [[_mm512_setzero_ps(); 2]; R];
            for (r, (sums, values)) in sums.into_iter().zip(&mut values).enumerate() {
                let correction = _mm512_set1_epi32(*tile.corrections.add(r));
                let scale = _mm512_set1_ps(*tile.scales.add(r));
                for ((value, sum), lanes) in values.iter_mut().zip(sums).zip(lanes) {
                    let whole = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, correction));
                    *value = _mm512_mul_ps(whole, _mm512_mul_ps(scale, lanes));
                }
            }
            values
        }
    }
}

type Kernel = unsafe fn(&Tile);

/// The kernels of a format, one per number of rows.
macro_rules! kernels {
    ($arithmetic:ty, $features:literal) => {{
        #[target_feature(enable = $features)]
        unsafe fn kernel<const R: usize>(tile: &Tile) {
            // SAFETY: the caller vouches for the lengths behind the pointers.
            unsafe { product::<$arithmetic, R>(tile) }
        }
        [
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
        ]
    }};
}

/// The kernels, by format and number of rows.
static KERNELS: [[Kernel; ROWS]; 3] = [
    kernels!(F32, "avx512f"),
    kernels!(Bf16, "avx512f,avx512bf16"),
    kernels!(Int8, "avx512f,avx512vnni"),
];

/// Runs the kernel for a tile.
///
/// # Safety
/// The processor has the instructions of the format, and the pointers of the tile hold what it
/// says.
pub(super) unsafe fn run(format: NumberFormat, tile: &Tile) {
    // SAFETY: as for this function.
    unsafe { KERNELS[format as usize][tile.rows - 1](tile) }
}

/// Transposes a block: value `c` of its rows goes to the sixteen floats at `c · out_stride`, zeros
/// where there is no row.
///
/// # Safety
/// The processor has AVX-512. The block exists; there are sixteen floats in `out` for each value.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose(x: FloatBlock, out: *mut f32, out_stride: usize) {
    let FloatBlock { at, stride, rows, values } = x;
    // SAFETY: the caller vouches for `rows` rows of `values` floats behind `at`, and for `out`.
    unsafe {
        let mut r = [_mm512_setzero_ps(); 16];
        for (i, r) in r.iter_mut().enumerate() {
            if i < rows {
                *r = _mm512_maskz_loadu_ps(mask(values), at.add(i * stride));
            }
        }
        let mut t = [_mm512_setzero_ps(); 16];
        for i in 0..8 {
            t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        for i in (0..16).step_by(4) {
            let (a, b) = (_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 1]));
            let (c, d) = (_mm512_castps_pd(t[i + 2]), _mm512_castps_pd(t[i + 3]));
            r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
            r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
            r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
            r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
        }
        // Now quarter `q` of `r[4 i + j]` is column `4 q + j` of rows `4 i..4 i + 4`.
        for j in 0..4 {
            for i in [0, 8] {
                t[i + j] = _mm512_shuffle_f32x4::<0x88>(r[i + j], r[i + 4 + j]);
                t[i + 4 + j] = _mm512_shuffle_f32x4::<0xdd>(r[i + j], r[i + 4 + j]);
            }
        }
        for j in 0..8 {
            r[j] = _mm512_shuffle_f32x4::<0x88>(t[j], t[j + 8]);
            r[j + 8] = _mm512_shuffle_f32x4::<0xdd>(t[j], t[j + 8]);
        }
        for (c, line) in r.iter().enumerate() {
            if c < values {
                _mm512_storeu_ps(out.add(c * out_stride), *line);
            }
        }
    }
}
