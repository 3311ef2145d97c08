//! The kernels against their definition, over odd shapes and in all formats.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::kernel::{Format, Line};
use super::matrix::{Converted, Matrix, Operand, Product};
use super::strassen::Halved;
use super::vector::Simd;
use super::{LANES, ops};

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

/// Largest error of a product, as a share of what a sum of `inner` terms is worth; `None` where the processor has no
/// kernel.
fn error_of(
    make: impl Fn(&[f32], usize) -> Option<Product>,
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
    matrix.product(&operand, &mut set, false);
    let mut added = before.clone();
    matrix.product(&operand, &mut added, true);
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
        for (format, bound) in [(Format::F32, 1e-6), (Format::Bf16, 6e-3), (Format::Int8, 1.2e-2)] {
            // Elsewhere there is no such product, and nothing to compare.
            if let Some(error) = error_of(|w, inner| Product::new(w, inner, format), shape) {
                assert!(error < bound, "{format:?} {shape:?}: {error}");
            }
        }
    }
}

/// Both ways to take a position, alone and with another, over odd numbers of tiles.
#[test]
fn products_of_halves_follow_their_definition() {
    let halved = |w: &[f32], inner: usize| Halved::new(w, inner).map(Product::Halved);
    for shape in [(1, 2, 2), (2, 2, 2), (2, 6, 26), (3, 8, 30), (5, 64, 58), (4, 172, 100)] {
        if let Some(error) = error_of(halved, shape) {
            assert!(error < 1e-6, "{shape:?}: {error}");
        }
    }
    let (rows, inner) = (512, 768);
    assert!(Halved::pays(rows, inner, Format::F32) && !Halved::pays(rows, inner, Format::Int8));
    assert!(!Halved::pays(rows + 1, inner, Format::F32) && !Halved::pays(rows, 300, Format::F32));
    let plain = |w: &[f32], inner: usize| Matrix::new(w, inner, Format::F32).map(Product::Whole);
    let chosen = |w: &[f32], inner: usize| Product::new(w, inner, Format::F32);
    let errors = [error_of(plain, (3, inner, rows)), error_of(chosen, (3, inner, rows))];
    if let [Some(plain), Some(chosen)] = errors {
        assert!(chosen != plain && chosen < 4.0 * plain, "{chosen} instead of {plain}");
    }
}

/// Sequences never mix, but positions of one sequence do.
#[test]
fn what_is_no_number_stays_in_its_sequence() {
    let Some(simd) = Simd::new() else { return };
    let Some(matrix) = Halved::new(&[0.5; 4 * 8], 8).map(Product::Halved) else { return };
    let mut x = vec![Line([1.0; LANES]); 3 * 8];
    x[8 + 5].0[3] = f32::NAN;
    let mut out = [Line::ZERO; 3 * 4];
    let mut converted = Converted::default();
    matrix.product(&Operand::new(simd, matrix.form(), &x, &mut converted), &mut out, false);
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
    for format in [Format::F32, Format::Bf16, Format::Int8] {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = vec![Line([1.0; LANES]); 8];
            x[5].0[3] = bad;
            let w = vec![0.5; 16];
            let Some(matrix) = Matrix::new(&w, 8, format) else { continue };
            let mut converted = Converted::default();
            let mut out = [Line::ZERO; 2];
            matrix.product(&Operand::new(simd, matrix.form(), &x, &mut converted), &mut out, false);
            assert!(!out[1].0[3].is_finite(), "{format:?} hides {bad}");
            assert!((out[1].0[4] - 4.0).abs() < 0.1, "{format:?} mixes lanes");

            let mut w = w.clone();
            w[9] = bad;
            let Some(matrix) = Matrix::new(&w, 8, format) else { continue };
            let x = vec![Line([1.0; LANES]); 8];
            matrix.product(&Operand::new(simd, matrix.form(), &x, &mut converted), &mut out, false);
            assert!(!out[1].0[0].is_finite() && (out[0].0[0] - 4.0).abs() < 0.1);
        }
    }
}

#[test]
fn rounding_to_bfloat16_is_to_nearest_even() {
    for (x, bits) in
        [(1.0, 0x3f80), (-2.0, 0xc000), (1.003_906_3, 0x3f80), (1.011_718_8, 0x3f82), (0.0, 0)]
    {
        assert_eq!(ops::bfloat16(x), bits, "{x}");
    }
    assert_eq!(ops::bfloat16(f32::NAN), 0x7fc0);
    assert_eq!(ops::bfloat16(f32::INFINITY), 0x7f80);
}

#[test]
fn functions_of_vectors_follow_their_definition() {
    let Some(simd) = Simd::new() else { return };
    let apply = |x: f32, f: &dyn Fn(super::vector::V) -> super::vector::V| {
        let mut line = Line::ZERO;
        f(simd.splat(x)).store(&mut line);
        assert!(line.0.iter().all(|y| y.to_bits() == line.0[0].to_bits()));
        line.0[0]
    };
    for i in -8600..8700_i16 {
        let x = f32::from(i) / 100.0;
        let (found, expected) = (apply(x, &|x| simd.exp(x)), f64::from(x).exp());
        let relative = (f64::from(found) - expected).abs() / expected;
        assert!(relative < 4e-7, "exp({x}) off by {relative}");
        let (found, expected) = (apply(x, &|x| simd.tanh(x)), f64::from(x).tanh());
        assert!((f64::from(found) - expected).abs() < 4e-7, "tanh({x}) is not {found}");
    }
    assert!(apply(f32::NAN, &|x| simd.exp(x)).is_nan());
}
