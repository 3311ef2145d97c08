//! Every kernel against its definition, bit for bit: numbers of rows, tails of columns, strides,
//! and what is there before.

use gemm::Parallelism;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::blocked;
use super::format::NumberFormat;
use super::halves::Halved;
use super::kernel::{Panel, Rows, multiply};
use super::lane_matrix::LaneMatrix;
use super::operand::{Converted, Operand};
use super::packing::{TILE_STEP, panel_of_rows, tile_of_rows};
use super::panels::{Panels, add_outer};
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

    /// Multiplies rows of floats where they lie, and columns where they lie.
    fn check_distances(&self) {
        let (rows, depth) = (self.products.len(), self.b.len());
        for (stride, step) in [(depth + 3, 1), (1, rows + 2)] {
            let mut x = vec![f32::NAN; rows * stride.max(1) + depth * step];
            for (d, words) in self.a.chunks(rows).enumerate() {
                for (r, word) in words.iter().enumerate() {
                    x[r * stride + d * step] = f32::from_bits(*word);
                }
            }
            let mut lines = vec![Line([f32::NAN; LANES]); rows];
            let place = ProductPlace::lines(How::Set, &mut lines);
            let rows = Rows::floats(&x, rows, stride, step);
            multiply(rows, self.panel(NumberFormat::F32), place, None);
            for (line, products) in lines.iter().zip(&self.products) {
                let expected = products.map(|sum| placed(How::Set, sum, 0.0));
                assert_eq!(bits(&line.0), bits(&expected), "{stride} {step}");
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
                case.check_distances();
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
            for range in [0..width, width / 3..width - width / 4] {
                let x = &x[..count * width];
                let defined = |lanes: usize, d: usize| -> Vec<f32> {
                    let value = |r: usize| x.get(r * width + range.start + d).copied();
                    (0..lanes).map(|r| if r < count { value(r).unwrap() } else { 0.0 }).collect()
                };
                let mut panel = vec![Line([f32::NAN; LANES]); range.len()];
                panel_of_rows(x, width, range.clone(), &mut panel);
                for (d, line) in panel.iter().enumerate() {
                    assert_eq!(bits(&line.0), bits(&defined(COLUMNS, d)), "{width} {count} {d}");
                }
                if count > ROWS {
                    continue;
                }
                // One step more than the tile has, which stays as it is.
                let mut tile = vec![7.0; (range.len() + 1) * TILE_STEP];
                tile_of_rows(x, width, range.clone(), &mut tile);
                for (d, step) in tile.chunks(TILE_STEP).enumerate() {
                    let end = vec![7.0; TILE_STEP];
                    let expected = if d < range.len() { defined(TILE_STEP, d) } else { end };
                    assert_eq!(bits(step), bits(&expected), "{width} {count} {d}");
                }
            }
        }
    }
}

/// A matrix product by its definition, placed over `out` after every `cut` steps.
fn define(
    a: impl Fn(usize, usize) -> f32,
    b: impl Fn(usize, usize) -> f32,
    (depth, cut, columns): (usize, usize, usize),
    how: How,
    out: &mut [f32],
) {
    for (r, row) in out.chunks_mut(columns).enumerate() {
        for (c, there) in row.iter_mut().enumerate() {
            for from in (0..depth).step_by(cut) {
                let range = from..depth.min(from + cut);
                let sum = range.fold(0.0, |sum: f32, d| a(r, d).mul_add(b(d, c), sum));
                *there = placed(if from > 0 { How::Add } else { how }, sum, *there);
            }
        }
    }
}

/// `x · Wᵀ`, `grad · W` and `gradᵀ · x`, by everyone who computes them from rows.
fn check_rows((rows, inner, out): (usize, usize, usize), rng: &mut ChaCha8Rng) {
    let (x, w) = (values(rows * inner, rng), values(out * inner, rng));
    let grad = values(rows * out, rng);
    let (x_at, w_at) =
        (|r: usize, i: usize| x[r * inner + i], |o: usize, i: usize| w[o * inner + i]);
    let grad_at = |r: usize, o: usize| grad[r * out + o];
    let same = |found: &[f32], expected: &[f32], what: &str| {
        assert_eq!(bits(found), bits(expected), "{what}, {rows} {inner} {out}");
    };
    let before = values(rows * out.max(inner) + out * inner, rng);
    for how in [How::Set, How::Add] {
        let start = &before[..rows * out];
        let (mut found, mut expected) = (start.to_vec(), start.to_vec());
        let panels = Panels::of_rows(&w, inner).unwrap();
        panels.write(&x, how, &mut found, Parallelism::Rayon(0));
        define(x_at, |i, o| w_at(o, i), (inner, usize::MAX, out), how, &mut expected);
        same(&found, &expected, "panels of rows");

        let start = &before[..rows * inner];
        let (mut found, mut expected) = (start.to_vec(), start.to_vec());
        let panels = Panels::of_columns(&w, inner).unwrap();
        panels.write(&grad, how, &mut found, Parallelism::None);
        define(grad_at, w_at, (out, usize::MAX, inner), how, &mut expected);
        same(&found, &expected, "panels of columns");

        let (mut found, mut expected) = (start.to_vec(), start.to_vec());
        blocked::dx(&mut found, how, &grad, &w, inner);
        define(grad_at, w_at, (out, blocked::DEPTH, inner), how, &mut expected);
        same(&found, &expected, "dx");

        let start = &before[..out * inner];
        let (mut found, mut expected) = (start.to_vec(), start.to_vec());
        blocked::dw(&mut found, how, &grad, &x, inner);
        define(|o, r| grad_at(r, o), x_at, (rows, blocked::DEPTH, inner), how, &mut expected);
        same(&found, &expected, "dw");
    }
    let mut expected = vec![0.0; rows * out];
    define(x_at, |i, o| w_at(o, i), (inner, blocked::DEPTH, out), How::Set, &mut expected);
    same(&blocked::product(&x, &w, inner), &expected, "product");

    let start = &before[..out * inner];
    let (mut found, mut expected) = (start.to_vec(), start.to_vec());
    assert!(add_outer(&mut found, &grad, &x, inner));
    define(|o, r| grad_at(r, o), x_at, (rows, usize::MAX, inner), How::Add, &mut expected);
    same(&found, &expected, "outer");
}

#[test]
fn products_of_rows_are_sums_from_first_to_last() {
    if !has_kernels() {
        return;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for rows in [1, 14, 15, 29] {
        for inner in [1, 2, 17, 64] {
            for out in [1, 31, 32, 33] {
                check_rows((rows, inner, out), &mut rng);
            }
        }
    }
    // Rows that are spread out, and inner dimensions that are cut.
    for size in [(3, 256, 33), (2, 1100, 3), (3, 2, 1100), (1100, 3, 2)] {
        check_rows(size, &mut rng);
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
            let size = (inner, usize::MAX, LANES);
            define(w_at, |i, lane| x[i].0[lane], size, how, floats(expected));
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
