//! Large products in f32 with seven multiplications of halves instead of eight (Strassen 1969), one level deep.
//!
//! Weights are cut into quarters, by rows and by the inner dimension, and activations into halves of two positions `p`
//! and `q` of the same sequences, so that lanes still never mix:
//!
//! ```text
//! M1 = (W11 + W22)(X1p + X2q)   M2 = (W21 + W22) X1p   M3 = W11 (X1q − X2q)   M4 = W22 (X2p − X1p)
//! M5 = (W11 + W12) X2q          M6 = (W21 − W11)(X1p + X1q)                   M7 = (W12 − W22)(X2p + X2q)
//!
//! O1p = M1 + M4 − M5 + M7       O1q = M3 + M5
//! O2p = M2 + M4                 O2q = M1 − M2 + M3 + M6
//! ```
//!
//! A position that is left over takes four products, as it would whole: `O1 = M3 + M5`, `O2 = M2 − M4` of
//! `M2 = (W21 + W22) X1`, `M3 = W11 (X1 − X2)`, `M4 = W22 (X1 − X2)`, `M5 = (W11 + W12) X2`.
//!
//! Sums of weights are made once and take 7/4 of the matrix; each product is added to its places where it leaves the
//! registers, so nothing but the sums of activations is held. The rounding error of a value is a small multiple of that of a
//! plain sum over the two positions (Higham 2002, 23.2.2); it depends on them and on nothing else.

use rayon::prelude::*;

use super::kernel::{Format, How, Line, Panel, Target, multiply};
use super::matrix::{Form, Matrix, Operand};
use super::vector::Simd;
use crate::cpu::simd::vectorized;

/// Smaller matrices lose more to the additions than the eighth multiplication takes.
const LEAST: usize = 512;

/// A weight matrix in the sums of its quarters, in the order of the products.
#[derive(Debug)]
pub(crate) struct Halved {
    rows: usize,
    inner: usize,
    parts: Box<[Matrix; 7]>,
}

impl Halved {
    /// Whether a matrix `[rows, inner]` is worth it.
    pub(super) const fn pays(rows: usize, inner: usize, format: Format) -> bool {
        let even = rows.is_multiple_of(2) && inner.is_multiple_of(2);
        matches!(format, Format::F32) && even && rows >= LEAST && inner >= LEAST
    }

    /// Sums up the quarters of a matrix with even sides; `None` where the processor has no kernel for it.
    pub(super) fn new(w: &[f32], inner: usize) -> Option<Self> {
        let (rows, half) = (w.len() / inner, inner / 2);
        let (top, bottom) = w.split_at(rows / 2 * inner);
        let sum = |a: (&[f32], usize), b: Option<(&[f32], usize, f32)>| -> Option<Matrix> {
            let mut sum = vec![0.0; rows / 2 * half];
            sum.par_chunks_mut(half).enumerate().for_each(|(row, sum)| {
                sum.copy_from_slice(&a.0[row * inner + a.1..][..half]);
                if let Some((b, column, sign)) = b {
                    let b = &b[row * inner + column..][..half];
                    sum.iter_mut().zip(b).for_each(|(sum, b)| *sum += sign * b);
                }
            });
            Matrix::new(&sum, half, Format::F32)
        };
        let (w11, w12, w21, w22) = ((top, 0), (top, half), (bottom, 0), (bottom, half));
        let plus = |(values, column)| Some((values, column, 1.0));
        let minus = |(values, column)| Some((values, column, -1.0));
        let parts = Box::new([
            sum(w11, plus(w22))?,
            sum(w21, plus(w22))?,
            sum(w11, None)?,
            sum(w22, None)?,
            sum(w11, plus(w12))?,
            sum(w21, minus(w11))?,
            sum(w12, minus(w22))?,
        ]);
        Some(Self { rows, inner, parts })
    }

    /// What its operands have to be.
    pub(super) const fn form(&self) -> Form {
        Form { format: Format::F32, inner: self.inner, halved: true }
    }

    /// `out = W · x`, or `out += W · x`, for panels `x: [panels, inner]`, `out: [panels, rows]`; the panels are
    /// positions of the same sequences.
    pub(super) fn product(&self, x: &Operand<'_>, out: &mut [Line], accumulate: bool) {
        let start = if accumulate { How::Add } else { How::Set };
        for index in 0..self.parts[0].tiles() {
            // A tile meets all positions while it is in cache.
            for part in 0..self.parts.len() {
                for (sums, out) in x.pairs().zip(out.chunks_mut(2 * self.rows)) {
                    match sums {
                        Sums::Pair(x) => self.pair((part, index), x[part], out, start),
                        Sums::Single(x) => self.single((part, index), x, out, start),
                    }
                }
            }
        }
    }

    /// One tile of one of the seven products for two positions.
    fn pair(&self, (part, index): (usize, usize), x: &[Line], out: &mut [Line], start: How) {
        let (p, q) = out.split_at_mut(self.rows);
        let ([o1p, o2p], [o1q, o2q]) = (self.places(index, p), self.places(index, q));
        let (first, second) = match part {
            0 => (Target(start, o1p), Some(Target(start, o2q))),
            1 => (Target(start, o2p), Some(Target(How::Subtract, o2q))),
            2 => (Target(start, o1q), Some(Target(How::Add, o2q))),
            3 => (Target(How::Add, o1p), Some(Target(How::Add, o2p))),
            4 => (Target(How::Subtract, o1p), Some(Target(How::Add, o1q))),
            5 => (Target(How::Add, o2q), None),
            _ => (Target(How::Add, o1p), None),
        };
        multiply((self.parts[part].tile(index), Panel::F32(x)), first, second);
    }

    /// The same for one position, given its halves and their difference.
    fn single(&self, (part, index): (usize, usize), x: [&[Line]; 3], out: &mut [Line], start: How) {
        let [o1, o2] = self.places(index, out);
        let [x1, x2, difference] = x;
        let (x, target) = match part {
            1 => (x1, Target(start, o2)),
            2 => (difference, Target(start, o1)),
            3 => (difference, Target(How::Subtract, o2)),
            4 => (x2, Target(How::Add, o1)),
            _ => return,
        };
        multiply((self.parts[part].tile(index), Panel::F32(x)), target, None);
    }

    /// The rows of a tile in both halves of a panel of the result.
    fn places<'a>(&self, index: usize, panel: &'a mut [Line]) -> [&'a mut [Line]; 2] {
        let tile = &self.parts[0];
        let (first, rows) = (index * tile.tile_rows(), tile.tile(index).rows);
        let (top, bottom) = panel.split_at_mut(self.rows / 2);
        [&mut top[first..][..rows], &mut bottom[first..][..rows]]
    }
}

/// Activations as the products take them.
pub(super) enum Sums<'a> {
    /// Two positions, in the order of the products.
    Pair([&'a [Line]; 7]),
    /// One position: its halves, and the first less the second.
    Single([&'a [Line]; 3]),
}

/// Sums of a pair; a single position has one.
const SUMS: usize = 5;

impl<'a> Sums<'a> {
    /// Panels two by two, with what [`write_sums`] made of them.
    pub(super) fn of(
        x: &'a [Line],
        inner: usize,
        sums: &'a [Line],
    ) -> impl Iterator<Item = Sums<'a>> {
        let half = inner / 2;
        x.chunks(2 * inner).zip(sums.chunks(SUMS * half)).map(move |(x, sums)| {
            let sum = |i: usize| &sums[i * half..][..half];
            match x.split_at(inner) {
                (p, []) => Sums::Single([&p[..half], &p[half..], sum(0)]),
                (p, q) => {
                    Sums::Pair([sum(0), &p[..half], sum(1), sum(2), &q[half..], sum(3), sum(4)])
                }
            }
        })
    }
}

/// Sums of the halves of panels `x: [panels, inner]`, two panels at a time.
pub(super) fn write_sums(simd: Simd, x: &[Line], inner: usize, sums: &mut Vec<Line>) {
    let half = inner / 2;
    let needed = (x.len() / inner).div_ceil(2) * SUMS * half;
    if sums.len() < needed {
        sums.resize(needed, Line::ZERO);
    }
    let combine = |a: &[Line], b: &[Line], sign: f32, out: &mut [Line]| {
        vectorized(
            #[inline(always)]
            || {
                let sign = simd.splat(sign);
                for ((a, b), out) in a.iter().zip(b).zip(out) {
                    simd.load(b).mul_add(sign, simd.load(a)).store(out);
                }
            },
        );
    };
    for (x, sums) in x.chunks(2 * inner).zip(sums.chunks_mut(SUMS * half)) {
        let (p, q) = x.split_at(inner);
        let (p1, p2) = p.split_at(half);
        if q.is_empty() {
            combine(p1, p2, -1.0, &mut sums[..half]);
            continue;
        }
        let (q1, q2) = q.split_at(half);
        let terms = [(p1, q2, 1.0), (q1, q2, -1.0), (p2, p1, -1.0), (p1, q1, 1.0), (p2, q2, 1.0)];
        for ((a, b, sign), out) in terms.into_iter().zip(sums.chunks_mut(half)) {
            combine(a, b, sign, out);
        }
    }
}
