//! The kernels against their definition, over odd shapes and in all formats.

use gemm::Parallelism;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::format::NumberFormat;
use super::halves::Halved;
use super::lane_matrix::LaneMatrix;
use super::library;
use super::operand::{Converted, Operand};
use super::panels::Panels;
use super::place::How;
use super::tiles::Tiles;
use crate::cpu::line::{LANES, Line};
use crate::cpu::vector::Simd;

fn values(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn lines(count: usize, rng: &mut ChaCha8Rng) -> Vec<Line> {
    (0..count).map(|_| Line(std::array::from_fn(|_| rng.random_range(-1.0..1.0)))).collect()
}

/// `W · x` per panel and lane, in f64.
fn defined(w: &[f32], x: &[Line], inner: usize) -> Vec<[f64; LANES]> {
    let dot = |row: &[f32], x: &[Line], l: usize| -> f64 {
        row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(x.0[l])).sum()
    };
    x.chunks(inner)
        .flat_map(|x| w.chunks(inner).map(move |row| std::array::from_fn(|l| dot(row, x, l))))
        .collect()
}

/// Largest error of a product, as a share of what a sum of `inner` terms is worth; `None` where
/// the processor has no kernel.
fn error_of(
    make: impl Fn(&[f32], usize) -> Option<LaneMatrix>,
    (panels, inner, rows): (usize, usize, usize),
) -> Option<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (w, x) = (values(rows * inner, &mut rng), lines(panels * inner, &mut rng));
    let simd = Simd::new()?;
    let matrix = make(&w, inner)?;
    let mut converted = Converted::default();
    let operand = Operand::new(simd, matrix.form(), &x, &mut converted);
    let before = lines(panels * rows, &mut rng);
    let mut set = before.clone();
    matrix.product(&operand, How::Set, &mut set);
    let mut added = before.clone();
    matrix.product(&operand, How::Add, &mut added);
    let mut worst = 0.0_f64;
    for ((expected, before), (set, added)) in
        defined(&w, &x, inner).iter().zip(&before).zip(set.iter().zip(&added))
    {
        for (l, expected) in expected.iter().enumerate() {
            worst = worst.max((f64::from(set.0[l]) - expected).abs());
            assert!((added.0[l] - before.0[l] - set.0[l]).abs() < 2e-5);
        }
    }
    Some(worst / f64::from(u32::try_from(inner).unwrap()).sqrt())
}

#[test]
fn products_follow_their_definition_in_every_format() {
    let shapes =
        [(1, 1, 1), (2, 3, 13), (3, 4, 14), (1, 5, 15), (2, 64, 32), (1, 172, 29), (3, 33, 100)];
    for shape in shapes {
        for (format, bound) in
            [(NumberFormat::F32, 1e-6), (NumberFormat::Bf16, 6e-3), (NumberFormat::Int8, 1.2e-2)]
        {
            // Elsewhere there is no such product, and nothing to compare.
            if let Some(error) = error_of(|w, inner| LaneMatrix::new(w, inner, format), shape) {
                assert!(error < bound, "{format:?} {shape:?}: {error}");
            }
        }
    }
}

/// Both ways to take a position, alone and with another, over odd numbers of tiles.
#[test]
fn products_of_halves_follow_their_definition() {
    let halved = |w: &[f32], inner: usize| Halved::new(w, inner).map(LaneMatrix::Halved);
    for shape in [(1, 2, 2), (2, 2, 2), (2, 6, 26), (3, 8, 30), (5, 64, 58), (4, 172, 100)] {
        if let Some(error) = error_of(halved, shape) {
            assert!(error < 1e-6, "{shape:?}: {error}");
        }
    }
    let (rows, inner) = (512, 768);
    assert!(
        Halved::pays(rows, inner, NumberFormat::F32)
            && !Halved::pays(rows, inner, NumberFormat::Int8)
    );
    assert!(
        !Halved::pays(rows + 1, inner, NumberFormat::F32)
            && !Halved::pays(rows, 300, NumberFormat::F32)
    );
    let plain =
        |w: &[f32], inner: usize| Tiles::new(w, inner, NumberFormat::F32).map(LaneMatrix::Whole);
    let chosen = |w: &[f32], inner: usize| LaneMatrix::new(w, inner, NumberFormat::F32);
    let errors = [error_of(plain, (3, inner, rows)), error_of(chosen, (3, inner, rows))];
    if let [Some(plain), Some(chosen)] = errors {
        assert!(chosen != plain && chosen < 4.0 * plain, "{chosen} instead of {plain}");
    }
}

/// Sequences never mix, but positions of one sequence do.
#[test]
fn what_is_no_number_stays_in_its_sequence() {
    let Some(simd) = Simd::new() else { return };
    let Some(matrix) = Halved::new(&[0.5; 4 * 8], 8).map(LaneMatrix::Halved) else { return };
    let mut x = vec![Line([1.0; LANES]); 3 * 8];
    x[8 + 5].0[3] = f32::NAN;
    let mut out = [Line::ZERO; 3 * 4];
    let mut converted = Converted::default();
    let operand = Operand::new(simd, matrix.form(), &x, &mut converted);
    matrix.product(&operand, How::Set, &mut out);
    for (row, line) in out.iter().enumerate() {
        for (lane, value) in line.0.iter().enumerate() {
            match (row / 4, lane) {
                (1, 3) => assert!(value.is_nan()),
                (0, 3) => {}
                _ => assert!((value - 4.0).abs() < 1e-6, "{row} {lane}: {value}"),
            }
        }
    }
}

#[test]
fn what_is_no_number_stays_visible() {
    let Some(simd) = Simd::new() else { return };
    for format in [NumberFormat::F32, NumberFormat::Bf16, NumberFormat::Int8] {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = vec![Line([1.0; LANES]); 8];
            x[5].0[3] = bad;
            let w = vec![0.5; 16];
            let Some(matrix) = Tiles::new(&w, 8, format) else { continue };
            let mut converted = Converted::default();
            let mut out = [Line::ZERO; 2];
            let operand = Operand::new(simd, matrix.form(), &x, &mut converted);
            matrix.product(&operand, How::Set, &mut out);
            assert!(!out[1].0[3].is_finite(), "{format:?} hides {bad}");
            assert!((out[1].0[4] - 4.0).abs() < 0.1, "{format:?} mixes lanes");

            let mut w = w.clone();
            w[9] = bad;
            let Some(matrix) = Tiles::new(&w, 8, format) else { continue };
            let x = vec![Line([1.0; LANES]); 8];
            let operand = Operand::new(simd, matrix.form(), &x, &mut converted);
            matrix.product(&operand, How::Set, &mut out);
            assert!(!out[1].0[0].is_finite() && (out[0].0[0] - 4.0).abs() < 0.1);
        }
    }
}

fn largest_difference() -> Option<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut worst = 0.0_f32;
    for (rows, inner, columns) in
        [(1, 1, 1), (13, 7, 31), (14, 8, 32), (15, 33, 48), (100, 64, 33), (29, 5, 100)]
    {
        let (x, w) = (values(rows * inner, &mut rng), values(columns * inner, &mut rng));
        let expected = library::product(&x, &w, inner, Parallelism::None);
        let packed = Panels::new(&w, inner)?;
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
fn packed_products_follow_their_definition() {
    // Elsewhere there is no packed product, and nothing to compare.
    if let Some(worst) = largest_difference() {
        assert!(worst < 1e-4, "{worst}");
    }
}
