//! The kernels: rows of weights times a panel of 32 sequences, in f32, bfloat16 or int8.
//!
//! A row of weights is read value by value (in low precision: word by word, of two or four values)
//! and broadcast; the activations of 32 sequences lie side by side in two vector registers. Up to 14 rows go together, so that
//! 28 accumulators stay in registers. The sum over the inner dimension runs in one order whatever the
//! batch, and lanes never mix, so the result of a sequence does not depend on its neighbors.

use super::LANES;

/// Rows of weights per kernel call.
pub(super) const ROWS: usize = 14;

/// Number format of a product's operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Format {
    /// Exact up to f32 rounding.
    F32,
    /// Operands rounded to bfloat16, sums in f32.
    Bf16,
    /// Operands rounded to eight bits, with a scale per row of weights and per token.
    Int8,
}

impl Format {
    /// Values of the inner dimension per word.
    pub(super) const fn per_word(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }

    /// Whether this processor has the instructions.
    pub(crate) fn available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            super::super::simd::has_avx512()
                && match self {
                    Self::F32 => true,
                    Self::Bf16 => is_x86_feature_detected!("avx512bf16"),
                    Self::Int8 => is_x86_feature_detected!("avx512vnni"),
                }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            false
        }
    }
}

/// One word of each of 32 sequences: an f32, two bfloat16 or four bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Words(pub(super) [u32; LANES]);

/// One value of each of 32 sequences.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(super) [f32; LANES]);

impl Line {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// A panel of activations as a kernel reads it.
#[derive(Clone, Copy)]
pub(super) enum Panel<'a> {
    /// Values as they are.
    F32(&'a [Line]),
    /// Pairs of bfloat16.
    Bf16(&'a [Words]),
    /// Bytes less 128 with the scale of each sequence.
    Int8(&'a [Words], &'a Line),
}

/// Some rows of weights: words in the order `[depth, rows]`.
#[derive(Clone, Copy)]
pub(super) struct RowTile<'a> {
    pub(super) words: &'a [u32],
    pub(super) rows: usize,
    /// Per row, in int8: its scale, and 128 times the sum of its values.
    pub(super) scales: &'a [f32],
    pub(super) corrections: &'a [i32],
}

/// What a product does to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Set,
    Add,
    Subtract,
}

/// A place for a product, a line per row of the tile.
pub(super) struct Target<'a>(pub(super) How, pub(super) &'a mut [Line]);

/// `W · x` for one tile of rows and one panel, into one place or two.
pub(super) fn multiply(
    (tile, panel): (RowTile<'_>, Panel<'_>),
    first: Target<'_>,
    second: Option<Target<'_>>,
) {
    let RowTile { words, rows, scales, corrections } = tile;
    let (depth, format) = match panel {
        Panel::F32(x) => (x.len(), Format::F32),
        Panel::Bf16(x) => (x.len(), Format::Bf16),
        Panel::Int8(x, _) => (x.len(), Format::Int8),
    };
    assert!((1..=ROWS).contains(&rows) && first.1.len() == rows, "a tile has 1 to 14 rows");
    assert!(second.as_ref().is_none_or(|second| second.1.len() == rows), "the places differ");
    assert!(words.len() == depth * rows, "weights and activations do not fit");
    assert!(format != Format::Int8 || (scales.len() == rows && corrections.len() == rows));
    assert!(format.available(), "the processor has no kernel for {format:?}");
    #[cfg(target_arch = "x86_64")]
    {
        let outs = [Some(first), second].map(|target| target.map(x86::Out::new));
        let w = words.as_ptr();
        #[expect(unsafe_code, reason = "vector instructions take pointers")]
        // SAFETY: the processor has the instructions (just asserted; the answer is cached by the
        // standard library). The kernels read `depth · rows` words of `w`, `depth` lines of `x`, `rows` scales and
        // corrections, and read and write `rows` lines of each of `outs`; all of these lengths were
        // asserted above, and lines are aligned to 64 bytes by their type.
        unsafe {
            match panel {
                Panel::F32(x) => {
                    let tile = x86::Tile { depth, w, x: x.as_ptr().cast(), outs };
                    x86::F32[rows - 1](tile);
                }
                Panel::Bf16(x) => {
                    let tile = x86::Tile { depth, w, x: x.as_ptr().cast(), outs };
                    x86::BF16[rows - 1](tile);
                }
                Panel::Int8(x, lanes) => {
                    let tile = x86::Tile { depth, w, x: x.as_ptr().cast(), outs };
                    let lanes = lanes.0.as_ptr();
                    x86::INT8[rows - 1](tile, scales.as_ptr(), corrections.as_ptr(), lanes);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions take pointers")]
mod x86 {
    use super::{How, ROWS, Target};
    use std::arch::x86_64::*;

    /// Where a product goes.
    #[derive(Clone, Copy)]
    pub(super) struct Out {
        /// `[rows, 32]`, aligned.
        at: *mut f32,
        /// All lanes if the product is added to what is there, none if it replaces it.
        kept: u16,
        sign: f32,
    }

    impl Out {
        pub(super) fn new(Target(how, lines): Target<'_>) -> Self {
            Self {
                at: lines.as_mut_ptr().cast(),
                kept: if how == How::Set { 0 } else { u16::MAX },
                sign: if how == How::Subtract { -1.0 } else { 1.0 },
            }
        }
    }

    /// Operands of a kernel call.
    #[derive(Clone, Copy)]
    pub(super) struct Tile {
        /// Words of the inner dimension.
        pub(super) depth: usize,
        /// Weights, `[depth, rows]`.
        pub(super) w: *const u32,
        /// Activations, `[depth, 32]`, aligned.
        pub(super) x: *const u32,
        /// Places of the result.
        pub(super) outs: [Option<Out>; 2],
    }

    /// Writes the result to its places.
    ///
    /// # Safety
    /// The processor has AVX-512, and each place is `R` lines.
    // Where it is not inlined, the sums leave their registers.
    #[inline(always)]
    unsafe fn finish<const R: usize>(outs: [Option<Out>; 2], sums: &[[__m512; 2]; R]) {
        // SAFETY: the caller vouches for instructions and lengths. Lanes that are not kept are not read.
        unsafe {
            for Out { at, kept, sign } in outs.into_iter().flatten() {
                let sign = _mm512_set1_ps(sign);
                for (r, sums) in sums.iter().enumerate() {
                    for (half, sum) in sums.iter().enumerate() {
                        let at = at.add(r * 32 + half * 16);
                        let there = _mm512_maskz_load_ps(kept, at);
                        _mm512_store_ps(at, _mm512_fmadd_ps(*sum, sign, there));
                    }
                }
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn f32_kernel<const R: usize>(tile: Tile) {
        // SAFETY: the caller vouches for the lengths behind the pointers.
        unsafe {
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            let (mut w, mut x) = (tile.w.cast::<f32>(), tile.x.cast::<f32>());
            for _ in 0..tile.depth {
                let (x0, x1) = (_mm512_load_ps(x), _mm512_load_ps(x.add(16)));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let w = _mm512_set1_ps(*w.add(r));
                    sums[0] = _mm512_fmadd_ps(w, x0, sums[0]);
                    sums[1] = _mm512_fmadd_ps(w, x1, sums[1]);
                }
                (w, x) = (w.add(R), x.add(32));
            }
            finish(tile.outs, &sums);
        }
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn bf16_kernel<const R: usize>(tile: Tile) {
        // SAFETY: the caller vouches for the lengths behind the pointers; a vector of pairs of
        // bfloat16 has the layout of a vector of words.
        unsafe {
            let pairs = |words: __m512i| std::mem::transmute::<__m512i, __m512bh>(words);
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            let (mut w, mut x) = (tile.w.cast::<i32>(), tile.x.cast::<i32>());
            for _ in 0..tile.depth {
                let x0 = pairs(_mm512_load_si512(x.cast()));
                let x1 = pairs(_mm512_load_si512(x.add(16).cast()));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let w = pairs(_mm512_set1_epi32(*w.add(r)));
                    sums[0] = _mm512_dpbf16_ps(sums[0], w, x0);
                    sums[1] = _mm512_dpbf16_ps(sums[1], w, x1);
                }
                (w, x) = (w.add(R), x.add(32));
            }
            finish(tile.outs, &sums);
        }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    unsafe fn int8_kernel<const R: usize>(
        tile: Tile,
        scales: *const f32,
        corrections: *const i32,
        lanes: *const f32,
    ) {
        // SAFETY: the caller vouches for the lengths behind the pointers.
        unsafe {
            let mut sums = [[_mm512_setzero_si512(); 2]; R];
            let (mut w, mut x) = (tile.w.cast::<i32>(), tile.x.cast::<i32>());
            for _ in 0..tile.depth {
                let x0 = _mm512_load_si512(x.cast());
                let x1 = _mm512_load_si512(x.add(16).cast());
                for (r, sums) in sums.iter_mut().enumerate() {
                    let w = _mm512_set1_epi32(*w.add(r));
                    sums[0] = _mm512_dpbusd_epi32(sums[0], x0, w);
                    sums[1] = _mm512_dpbusd_epi32(sums[1], x1, w);
                }
                (w, x) = (w.add(R), x.add(32));
            }
            let lanes = [_mm512_load_ps(lanes), _mm512_load_ps(lanes.add(16))];
            let mut values = [[_mm512_setzero_ps(); 2]; R];
            for (r, (sums, values)) in sums.into_iter().zip(&mut values).enumerate() {
                let correction = _mm512_set1_epi32(*corrections.add(r));
                let scale = _mm512_set1_ps(*scales.add(r));
                for ((value, sum), lanes) in values.iter_mut().zip(sums).zip(lanes) {
                    let whole = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, correction));
                    *value = _mm512_mul_ps(whole, _mm512_mul_ps(scale, lanes));
                }
            }
            finish(tile.outs, &values);
        }
    }

    macro_rules! table {
        ($kernel:ident) => {
            [
                $kernel::<1>,
                $kernel::<2>,
                $kernel::<3>,
                $kernel::<4>,
                $kernel::<5>,
                $kernel::<6>,
                $kernel::<7>,
                $kernel::<8>,
                $kernel::<9>,
                $kernel::<10>,
                $kernel::<11>,
                $kernel::<12>,
                $kernel::<13>,
                $kernel::<14>,
            ]
        };
    }

    /// One kernel per number of rows.
    pub(super) static F32: [unsafe fn(Tile); ROWS] = table!(f32_kernel);
    pub(super) static BF16: [unsafe fn(Tile); ROWS] = table!(bf16_kernel);
    pub(super) static INT8: [unsafe fn(Tile, *const f32, *const i32, *const f32); ROWS] =
        table!(int8_kernel);
}
