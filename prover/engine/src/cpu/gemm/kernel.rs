//! The one kernel family: up to 14 rows times a panel of 32 columns.
//!
//! Values of the rows are read one at a time and broadcast; those of the columns lie side by side
//! in two vector registers, so that 28 sums stay in registers until the inner dimension is
//! through. Rows may be anywhere, at any distance ([`Rows`]): activations where they lie, or
//! weights packed tile by tile. Columns are packed, 32 per line ([`Panel`]): weights cut into
//! panels, or the same value of 32 sequences side by side.
//!
//! Every sum runs over the inner dimension from first to last, one fused multiply-add after the
//! other, whatever else is computed beside it. So the bits of a result depend on its own row and
//! column only, never on who else is in the batch (decision 018).

#[cfg(all(target_arch = "x86_64", not(feature = "portable-kernels")))]
use super::avx512 as instructions;
use super::format::NumberFormat;
use super::place::ProductPlace;
#[cfg(any(not(target_arch = "x86_64"), feature = "portable-kernels"))]
use super::portable as instructions;
use super::tile::{ROWS, Tile};
use crate::cpu::line::{Line, WordLine};

/// Up to 14 rows of the left operand, whose values are read one at a time.
#[derive(Clone, Copy)]
pub(in crate::cpu) struct Rows<'a> {
    words: &'a [u32],
    count: usize,
    /// Words from one row to the next.
    stride: usize,
    /// Words from one value of a row to the next.
    step: usize,
    scales: &'a [f32],
    corrections: &'a [i32],
}

impl<'a> Rows<'a> {
    /// `count` rows of floats as they lie, `stride` apart.
    pub(super) fn floats(x: &'a [f32], count: usize, stride: usize) -> Self {
        #[expect(unsafe_code, reason = "the kernels read words, of which a float is one")]
        // SAFETY: floats and words have the same size and alignment, and every pattern of bits is a
        // word.
        let words = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<u32>(), x.len()) };
        Self { words, count, stride, step: 1, scales: &[], corrections: &[] }
    }

    /// `count` rows of words packed value by value.
    pub(super) fn packed(words: &'a [u32], count: usize) -> Self {
        Self { words, count, stride: 1, step: count, scales: &[], corrections: &[] }
    }

    /// The same rows, in bytes, with what makes floats of their sums; one of each per row.
    pub(super) fn in_bytes(self, scales: &'a [f32], corrections: &'a [i32]) -> Self {
        Self { scales, corrections, ..self }
    }

    /// Rows of the tile.
    pub(in crate::cpu) const fn count(self) -> usize {
        self.count
    }

    /// Whether all words of `depth` values exist.
    const fn reach(self, depth: usize) -> bool {
        match (self.count.checked_sub(1), depth.checked_sub(1)) {
            (Some(row), Some(value)) => row * self.stride + value * self.step < self.words.len(),
            _ => true,
        }
    }
}

/// Thirty-two columns of the right operand, a line per step of the inner dimension.
#[derive(Clone, Copy)]
pub(in crate::cpu) enum Panel<'a> {
    /// Values as they are.
    F32(&'a [Line]),
    /// Pairs of bfloat16.
    Bf16(&'a [WordLine]),
    /// Bytes with 128 added, and the scale of each column.
    Int8(&'a [WordLine], &'a Line),
}

impl Panel<'_> {
    const fn format(&self) -> NumberFormat {
        match self {
            Self::F32(_) => NumberFormat::F32,
            Self::Bf16(_) => NumberFormat::Bf16,
            Self::Int8(..) => NumberFormat::Int8,
        }
    }

    const fn depth(&self) -> usize {
        match self {
            Self::F32(lines) => lines.len(),
            Self::Bf16(words) | Self::Int8(words, _) => words.len(),
        }
    }
}

/// Multiplies up to 14 rows by a panel into one place, or the same product into two.
pub(in crate::cpu) fn multiply(
    rows: Rows<'_>,
    panel: Panel<'_>,
    first: ProductPlace<'_>,
    second: Option<ProductPlace<'_>>,
) {
    let (count, depth, format) = (rows.count, panel.depth(), panel.format());
    assert!((1..=ROWS).contains(&count) && first.rows() == count, "a tile has 1 to 14 rows");
    assert!(second.as_ref().is_none_or(|second| second.rows() == count), "the places differ");
    assert!(rows.reach(depth), "rows and panel do not fit");
    let scaled = rows.scales.len() == count && rows.corrections.len() == count;
    assert!(scaled || format != NumberFormat::Int8, "bytes need a scale per row");
    assert!(format.available(), "the processor has no kernel for {format:?}");
    let (b, lanes) = match panel {
        Panel::F32(lines) => (lines.as_ptr().cast::<u32>(), std::ptr::null()),
        Panel::Bf16(words) => (words.as_ptr().cast(), std::ptr::null()),
        Panel::Int8(words, lanes) => (words.as_ptr().cast(), lanes.0.as_ptr()),
    };
    let tile = Tile {
        rows: count,
        depth,
        a: rows.words.as_ptr(),
        stride: rows.stride,
        step: rows.step,
        b,
        scales: rows.scales.as_ptr(),
        corrections: rows.corrections.as_ptr(),
        lanes,
        outs: [Some(first.out()), second.map(|place| place.out())],
    };
    #[expect(unsafe_code, reason = "vector instructions take pointers")]
    // SAFETY: the processor has the instructions (just asserted; the standard library caches the
    // answer). A kernel reads `depth` words of each of `count` rows, which exist (`reach`),
    // `depth` lines of the panel, in bytes also `count` scales and corrections and one line of
    // scales (asserted), and reads and writes `count` rows of each place, which its constructor
    // vouches for and which are borrowed exclusively, so overlap neither operand.
    unsafe {
        instructions::run(format, &tile);
    }
}
