//! Every kernel against its definition, bit for bit: numbers of rows, tails of columns, strides,
//! and what is there before.

use gemm::Parallelism;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::format::NumberFormat;
use super::halves::Halved;
use super::kernel::{Panel, Rows, multiply};
use super::lane_matrix::LaneMatrix;
use super::operand::{Converted, Operand};
use super::packing::panel_of_rows;
use super::panels::Panels;
use super::place::{How, ProductPlace};
use super::tile::{COLUMNS, ROWS};
use super::tiles::Tiles;
use crate::cpu::line::{LANES, Line, WordLine, floats};
use crate::cpu::simd::has_kernels;
use crate::cpu::vector::Simd;

const HOWS: [How; 3] = [How::Set, How::Add, How::Subtract];
const DEPTHS: [usize; 5] = [0, 1, 2, 17, 64];

/// A value of any sign, of a size between 2⁻¹² and 2¹², or zero.
fn value(rng: &mut ChaCha8Rng) -> f32 {
    let value: f32 = rng.random_range(-1.0..1.0);
    if rng.random_range(0..20) == 0 { 0.0 } else { value * 2_f32.powi(rng.random_range(-12..12)) }
}

fn values(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..count).map(|_| value(rng)).collect()
}

/// What is left in a place by a sum that has this value.
fn placed(how: How, sum: f32, there: f32) -> f32 {
    match how {
        How::Set => sum + 0.0,
        How::Add => there + sum,
        How::Subtract => there - sum,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The operands of a tile in the words of a format, packed value by value, and its product.
struct Case {
    a: Vec<u32>,
    b: Vec<WordLine>,
    /// The same words as floats.
    floats: Vec<Line>,
    scales: Vec<f32>,
    corrections: Vec<i32>,
    lanes: Line,
    products: Vec<[f32; COLUMNS]>,
}

impl Case {
    fn new(format: NumberFormat, rows: usize, depth: usize, rng: &mut ChaCha8Rng) -> Self {
        let pair = |rng: &mut ChaCha8Rng| {
            (value(rng).to_bits() >> 16) | (value(rng).to_bits() & 0xffff_0000)
        };
        let mut word = |weight: bool| match format {
            NumberFormat::F32 => value(rng).to_bits(),
            NumberFormat::Bf16 => pair(rng),
            // Weights have a sign, activations have none: 128 was added to them.
            NumberFormat::Int8 if weight => u32::from_le_bytes(
                [0; 4].map(|_: u8| rng.random_range(-127..=127_i8).cast_unsigned()),
            ),
            NumberFormat::Int8 => u32::from_le_bytes([0; 4].map(|_: u8| rng.random_range(1..=255))),
        };
        let a: Vec<u32> = (0..rows * depth).map(|_| word(true)).collect();
        let b: Vec<WordLine> =
            (0..depth).map(|_| WordLine(std::array::from_fn(|_| word(false)))).collect();
        let floats = b.iter().map(|b| Line(b.0.map(f32::from_bits))).collect();
        let scales = values(rows, rng);
        let corrections = (0..rows).map(|_| rng.random_range(-1_000_000..1_000_000)).collect();
        let lanes = Line(std::array::from_fn(|_| value(rng)));
        let mut case = Self { a, b, floats, scales, corrections, lanes, products: Vec::new() };
        case.products = (0..rows)
            .map(|row| std::array::from_fn(|column| case.defined(format, rows, row, column)))
            .collect();
        case
    }

    /// A value of the product, by its definition.
    fn defined(&self, format: NumberFormat, rows: usize, row: usize, column: usize) -> f32 {
        let words = self.a.iter().skip(row).step_by(rows).zip(self.b.iter().map(|b| b.0[column]));
        let low = |word: u32| f32::from_bits(word << 16);
        let high = |word: u32| f32::from_bits(word & 0xffff_0000);
        match format {
            NumberFormat::F32 => {
                words.fold(0.0, |sum, (&a, b)| f32::from_bits(a).mul_add(f32::from_bits(b), sum))
            }
            NumberFormat::Bf16 => words
                .fold(0.0, |sum, (&a, b)| low(a).mul_add(low(b), high(a).mul_add(high(b), sum))),
            NumberFormat::Int8 => {
                let bytes =
                    words.flat_map(|(a, b)| a.to_le_bytes().into_iter().zip(b.to_le_bytes()));
                let sum: i32 = bytes.map(|(a, b)| i32::from(a.cast_signed()) * i32::from(b)).sum();
                #[expect(clippy::cast_precision_loss, reason = "as the instruction rounds")]
                let whole = (sum - self.corrections[row]) as f32;
                whole * (self.scales[row] * self.lanes.0[column])
            }
        }
    }

    fn rows(&self, rows: usize) -> Rows<'_> {
        Rows::packed(&self.a, rows).in_bytes(&self.scales, &self.corrections)
    }

    fn panel(&self, format: NumberFormat) -> Panel<'_> {
        match format {
            NumberFormat::F32 => Panel::F32(&self.floats),
            NumberFormat::Bf16 => Panel::Bf16(&self.b),
            NumberFormat::Int8 => Panel::Int8(&self.b, &self.lanes),
        }
    }

    /// Multiplies into 1 to 32 columns of a wider matrix, and into lines.
    fn check(&self, format: NumberFormat, columns: usize, how: How, before: &[f32]) {
        let (rows, first) = (self.products.len(), 5);
        // Only whole panels have columns to their right.
        let width = first + columns + if columns == COLUMNS { 7 } else { 0 };
        let mut found = before[..rows * width].to_vec();
        let mut expected = found.clone();
        for (row, products) in expected.chunks_mut(width).zip(&self.products) {
            for (there, sum) in row[first..].iter_mut().zip(&products[..columns]) {
                *there = placed(how, *sum, *there);
            }
        }
        let mut lines = vec![Line([before[0]; LANES]); rows];
        let place = ProductPlace::panel(how, &mut found, width, first);
        let second = ProductPlace::lines(How::Subtract, &mut lines);
        multiply(self.rows(rows), self.panel(format), place, Some(second));
        assert_eq!(bits(&found), bits(&expected), "{format:?} {rows} {columns} {how:?}");
        for (line, products) in lines.iter().zip(&self.products) {
            let expected = products.map(|sum| placed(How::Subtract, sum, before[0]));
            assert_eq!(bits(&line.0), bits(&expected), "{format:?} {rows} {how:?}, second place");
        }
    }

    /// Multiplies rows of floats where they lie, some floats apart.
    fn check_rows_as_they_lie(&self) {
        let (rows, depth) = (self.products.len(), self.b.len());
        for stride in [depth, depth + 3] {
            let mut x = vec![f32::NAN; rows * stride];
            for (d, words) in self.a.chunks(rows).enumerate() {
                for (r, word) in words.iter().enumerate() {
                    x[r * stride + d] = f32::from_bits(*word);
                }
            }
            let mut lines = vec![Line([f32::NAN; LANES]); rows];
            let place = ProductPlace::lines(How::Set, &mut lines);
            let rows = Rows::floats(&x, rows, stride);
            multiply(rows, self.panel(NumberFormat::F32), place, None);
            for (line, products) in lines.iter().zip(&self.products) {
                let expected = products.map(|sum| placed(How::Set, sum, 0.0));
                assert_eq!(bits(&line.0), bits(&expected), "{stride}");
            }
        }
    }
}

fn kernels_compute_their_definition(format: NumberFormat) {
    // Elsewhere there is no kernel, and nothing to compare.
    if !format.available() {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for rows in 1..=ROWS {
        for depth in DEPTHS {
            let case = Case::new(format, rows, depth, &mut rng);
            let before = values(rows * 48, &mut rng);
            for columns in [1, 15, 16, 17, 31, 32] {
                HOWS.into_iter().for_each(|how| case.check(format, columns, how, &before));
            }
            if format == NumberFormat::F32 {
                case.check_rows_as_they_lie();
            }
        }
    }
}

#[test]
fn kernels_of_floats_compute_their_definition() {
    kernels_compute_their_definition(NumberFormat::F32);
}

#[test]
fn kernels_of_bfloat16_compute_their_definition() {
    kernels_compute_their_definition(NumberFormat::Bf16);
}

#[test]
fn kernels_of_bytes_compute_their_definition() {
    kernels_compute_their_definition(NumberFormat::Int8);
}

#[test]
fn packing_transposes_rows() {
    if !has_kernels() {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for width in [1, 2, 15, 16, 17, 33, 64] {
        let x = values(COLUMNS * width, &mut rng);
        for count in [0, 1, 2, 7, 13, 14, 15, 16, 17, 31, 32] {
            let x = &x[..count * width];
            let mut panel = vec![Line([f32::NAN; LANES]); width];
            panel_of_rows(x, width, &mut panel);
            for (d, line) in panel.iter().enumerate() {
                let defined: [f32; COLUMNS] =
                    std::array::from_fn(|r| x.get(r * width + d).copied().unwrap_or(0.0));
                assert_eq!(bits(&line.0), bits(&defined), "{width} {count} {d}");
            }
        }
    }
}

/// A matrix product `[rows, columns]` over an inner dimension by its definition, placed over `out`.
fn define(
    a: impl Fn(usize, usize) -> f32,
    b: impl Fn(usize, usize) -> f32,
    (inner, columns): (usize, usize),
    how: How,
    out: &mut [f32],
) {
    for (r, row) in out.chunks_mut(columns).enumerate() {
        for (c, there) in row.iter_mut().enumerate() {
            let sum = (0..inner).fold(0.0, |sum: f32, d| a(r, d).mul_add(b(d, c), sum));
            *there = placed(how, sum, *there);
        }
    }
}

#[test]
fn products_of_rows_are_sums_from_first_to_last() {
    if !has_kernels() {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut check = |rows: usize, inner: usize, columns: usize| {
        let (x, w) = (values(rows * inner, &mut rng), values(columns * inner, &mut rng));
        let (x_at, w_at) = (|r, i| x[r * inner + i], |i, c| w[c * inner + i]);
        let mut expected = vec![0.0; rows * columns];
        define(x_at, w_at, (inner, columns), How::Set, &mut expected);
        for on in [Parallelism::None, Parallelism::Rayon(0)] {
            let found = Panels::new(&w, inner).unwrap().product(&x, on);
            assert_eq!(bits(&found), bits(&expected), "{rows} {inner} {columns} {on:?}");
        }
    };
    for rows in [1, 14, 15, 29] {
        for inner in [1, 2, 17, 64] {
            [1, 31, 32, 33].into_iter().for_each(|columns| check(rows, inner, columns));
        }
    }
    // Rows that are spread out, several blocks of them, and long sums.
    for (rows, inner, columns) in [(3, 256, 33), (2, 1100, 3), (240, 3, 2)] {
        check(rows, inner, columns);
    }
}

/// A product for sequences side by side, by its definition; values are whole numbers, of which
/// every sum is exact in any order.
fn check_lanes(matrix: &LaneMatrix, w: &[f32], inner: usize, panels: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let rows = w.len() / inner;
    let mut lines = |count: usize| -> Vec<Line> {
        let line = |_| Line(std::array::from_fn(|_| f32::from(rng.random_range(-9..=9_i8))));
        (0..count).map(line).collect()
    };
    let (x, before) = (lines(panels * inner), lines(panels * rows));
    let mut converted = Converted::default();
    let operand = Operand::new(Simd::new().unwrap(), matrix.form(), &x, &mut converted);
    for how in [How::Set, How::Add] {
        let (mut found, mut expected) = (before.clone(), before.clone());
        matrix.product(&operand, how, &mut found);
        for (x, expected) in x.chunks(inner).zip(expected.chunks_mut(rows)) {
            let w_at = |r: usize, i: usize| w[r * inner + i];
            define(w_at, |i, lane| x[i].0[lane], (inner, LANES), how, floats(expected));
        }
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!(found.0, expected.0, "{rows} {inner} {panels} {how:?}, line {row}");
        }
    }
}

#[test]
fn products_of_lanes_are_exact_for_whole_numbers() {
    if !has_kernels() {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for rows in [1, 2, 13, 14, 15, 26, 29, 58] {
        for inner in [1, 2, 17, 64] {
            let w: Vec<f32> =
                (0..rows * inner).map(|_| f32::from(rng.random_range(-9..=9_i8))).collect();
            let whole = LaneMatrix::Whole(Tiles::new(&w, inner, NumberFormat::F32).unwrap());
            (1..3).for_each(|panels| check_lanes(&whole, &w, inner, panels));
            if rows % 2 == 0 && inner % 2 == 0 {
                let halved = LaneMatrix::Halved(Halved::new(&w, inner).unwrap());
                (1..6).for_each(|panels| check_lanes(&halved, &w, inner, panels));
            }
        }
    }
}
