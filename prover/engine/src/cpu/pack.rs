//! Operands of a product in the order in which its kernel reads them.
//!
//! The kernel multiplies a tile of up to 14 rows by a panel of 32 columns, one value of the inner dimension after the
//! other: a line of the tile holds that value of all its rows, two lines of the panel that of all its columns.

use std::cell::RefCell;
use std::ops::Range;

use super::kernel::mask;
use super::simd::has_avx512;

/// Rows of a tile.
pub(super) const ROWS: usize = 14;
/// Columns of a panel.
pub(super) const COLUMNS: usize = 32;
/// Floats of a line.
const LANES: usize = 16;

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Line([f32; LANES]);

const ZERO: Line = Line([0.0; LANES]);

thread_local! {
    static SPARE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Lines that a thread may keep for its next product, in each of as many blocks.
const MOST_SPARE: usize = 1 << 18;
const MOST_BLOCKS: usize = 4;

/// Runs `work` on some lines of any content, taken from what the thread used before.
pub(super) fn with_lines<R>(count: usize, work: impl FnOnce(&mut [Line]) -> R) -> R {
    let enough = |spare: &mut Vec<Vec<Line>>| {
        let fitting = spare.iter().enumerate().filter(|(_, lines)| lines.len() >= count);
        let (index, _) = fitting.min_by_key(|(_, lines)| lines.len())?;
        Some(spare.swap_remove(index))
    };
    let mut lines = SPARE.with_borrow_mut(enough).unwrap_or_else(|| vec![ZERO; count]);
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

/// Some values of up to `16 · P` rows of a matrix of a width, `P` lines per value; rows that do not exist are zero.
pub(super) fn from_rows<const P: usize>(
    x: &[f32],
    width: usize,
    range: Range<usize>,
    lines: &mut [Line],
) {
    let count = x.len() / width;
    assert!(count <= P * LANES && x.len() == count * width, "the rows do not fit the lines");
    assert!(range.end <= width && lines.len() == range.len() * P, "the lines do not fit");
    assert!(has_avx512(), "the processor has no kernel");
    for group in 0..P {
        let rows = count.saturating_sub(group * LANES).min(LANES);
        for (index, from) in range.clone().step_by(LANES).enumerate() {
            let values = (range.end - from).min(LANES);
            let out = &mut lines[index * LANES * P + group..];
            #[cfg(target_arch = "x86_64")]
            {
                // No pointer is formed beyond the last row.
                let at = if rows == 0 { 0 } else { group * LANES * width + from };
                #[expect(unsafe_code, reason = "vector instructions take pointers")]
                // SAFETY: the processor has the instructions. `rows` rows of `values` floats are read from `at` on
                // at a distance of `width`, all within `x`; one line in `P` is written for each value, all within `out`.
                unsafe {
                    let out = out.as_mut_ptr().cast::<f32>();
                    x86::transpose(x.as_ptr().add(at), width, (rows, values), out, P * LANES);
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            unreachable!("there is no kernel for {rows} rows, {values} values, {}", out.len());
        }
    }
}

/// Up to `N` columns of a matrix of a width, from column `first` on, `P` lines per row; columns that do not exist are
/// zero.
pub(super) fn from_columns<const P: usize, const N: usize>(
    x: &[f32],
    width: usize,
    first: usize,
    lines: &mut [Line],
) {
    let count = (width - first).min(N);
    for (row, lines) in x.chunks_exact(width).zip(lines.chunks_exact_mut(P)) {
        let row = &row[first..first + count];
        if let (true, Ok(row)) = (count == N, <&[f32; N]>::try_from(row)) {
            // Of known length, so that no call is made for a few values.
            for (i, value) in row.iter().enumerate() {
                lines[i / LANES].0[i % LANES] = *value;
            }
            continue;
        }
        lines.fill(ZERO);
        for (line, row) in lines.iter_mut().zip(row.chunks(LANES)) {
            line.0[..row.len()].copy_from_slice(row);
        }
    }
}

/// A tile of rows and a panel of columns of the same depth.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    pub(super) rows: &'a [Line],
    pub(super) panel: &'a [Line],
    /// Whether the product is added to what is there.
    pub(super) accumulate: bool,
}

/// Where a product of a tile goes: some rows and columns of a matrix.
pub(super) struct Place {
    /// First value.
    pub(super) at: *mut f32,
    /// Floats between rows.
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Tile<'_> {
    /// Multiplies into a strip of whole rows of a matrix of a width, from a column on.
    pub(super) fn run(self, out: &mut [f32], width: usize, column: usize) {
        let rows = out.len() / width;
        assert!(column < width && out.len() == rows * width, "the tile does not fit");
        let columns = (width - column).min(COLUMNS);
        let place = Place { at: out[column..].as_mut_ptr(), stride: width, rows, columns };
        #[expect(unsafe_code, reason = "vector instructions take pointers")]
        // SAFETY: `out` holds `rows` rows of `width` floats, of which `columns` from `column` on are written.
        unsafe {
            self.run_at(place);
        }
    }

    /// Multiplies into a place.
    ///
    /// # Safety
    /// All values of the place can be written, and nobody else reads or writes them meanwhile.
    #[expect(unsafe_code, reason = "cores write to columns of one matrix side by side")]
    pub(super) unsafe fn run_at(self, place: Place) {
        let Place { at, stride, rows, columns } = place;
        assert!((1..=ROWS).contains(&rows) && (1..=COLUMNS).contains(&columns));
        assert!(self.panel.len() == 2 * self.rows.len(), "tile and panel do not fit");
        assert!(has_avx512(), "the processor has no kernel");
        #[cfg(target_arch = "x86_64")]
        {
            let operands = x86::Operands {
                depth: self.rows.len(),
                a: self.rows.as_ptr().cast(),
                b: self.panel.as_ptr().cast(),
                accumulate: self.accumulate,
                masks: (mask(columns), mask(columns.saturating_sub(LANES))),
                out: at,
                stride,
            };
            // SAFETY: the processor has the instructions. The kernel reads `depth` lines of the tile and twice as many of
            // the panel, and reads and writes the place, for which the caller vouches.
            unsafe {
                x86::KERNELS[rows - 1](operands);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("there is no kernel for {at:?} and {stride} here");
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector instructions take pointers")]
mod x86 {
    use super::super::kernel::x86::finish;
    use super::{ROWS, mask};
    use std::arch::x86_64::*;

    /// What a kernel call needs.
    #[derive(Clone, Copy)]
    pub(super) struct Operands {
        /// Inner dimension.
        pub(super) depth: usize,
        /// `depth` lines.
        pub(super) a: *const f32,
        /// `depth` pairs of lines.
        pub(super) b: *const f32,
        pub(super) accumulate: bool,
        /// Columns that exist, of the first and the second line.
        pub(super) masks: (u16, u16),
        pub(super) out: *mut f32,
        pub(super) stride: usize,
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn kernel<const R: usize>(operands: Operands) {
        // SAFETY: the caller vouches for the lengths behind the pointers.
        unsafe {
            let Operands { depth, mut a, mut b, accumulate, masks, out, stride } = operands;
            let mut sums = [[_mm512_setzero_ps(); 2]; R];
            for _ in 0..depth {
                let (b0, b1) = (_mm512_load_ps(b), _mm512_load_ps(b.add(16)));
                for (r, sums) in sums.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*a.add(r));
                    sums[0] = _mm512_fmadd_ps(x, b0, sums[0]);
                    sums[1] = _mm512_fmadd_ps(x, b1, sums[1]);
                }
                (a, b) = (a.add(16), b.add(32));
            }
            for (r, sums) in sums.iter().enumerate() {
                let out = out.add(r * stride);
                finish(out, masks.0, sums[0], accumulate);
                // A pointer past the last column must not even be formed.
                if masks.1 != 0 {
                    finish(out.add(16), masks.1, sums[1], accumulate);
                }
            }
        }
    }

    type Kernel = unsafe fn(Operands);

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

    /// Columns of a block of up to 16 rows and values as lines; rows that do not exist are zero.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn transpose(
        x: *const f32,
        stride: usize,
        (rows, values): (usize, usize),
        out: *mut f32,
        out_stride: usize,
    ) {
        // SAFETY: the caller vouches for `rows` rows of `values` floats behind `x`, and `values` lines behind `out`.
        unsafe {
            let mut r = [_mm512_setzero_ps(); 16];
            for (i, r) in r.iter_mut().enumerate() {
                if i < rows {
                    *r = _mm512_maskz_loadu_ps(mask(values), x.add(i * stride));
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
                    _mm512_store_ps(out.add(c * out_stride), *line);
                }
            }
        }
    }
}
