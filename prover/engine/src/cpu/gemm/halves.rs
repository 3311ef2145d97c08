//! Large products in f32 with seven multiplications of halves instead of eight (Strassen 1969), one
//! level deep.
//!
//! Weights are cut into quarters, by rows and by the inner dimension, and activations into halves
//! of two positions `p` and `q` of the same sequences, so that lanes still never mix:
//!
//! ```text
//! M1 = (W11 + W22)(X1p + X2q)     M2 = (W21 + W22) X1p
//! M3 = W11 (X1q − X2q)            M4 = W22 (X2p − X1p)
//! M5 = (W11 + W12) X2q            M6 = (W21 − W11)(X1p + X1q)
//! M7 = (W12 − W22)(X2p + X2q)
//!
//! O1p = M1 + M4 − M5 + M7         O1q = M3 + M5
//! O2p = M2 + M4                   O2q = M1 − M2 + M3 + M6
//! ```
//!
//! A position that is left over takes four products, as it would whole: `O1 = M3 + M5` and
//! `O2 = M2 − M4` of `M2 = (W21 + W22) X1`, `M3 = W11 (X1 − X2)`, `M4 = W22 (X1 − X2)` and
//! `M5 = (W11 + W12) X2`.
//!
//! Sums of weights are made once and take 7/4 of the matrix; each product is added to its
//! places where it leaves the registers, so nothing but the sums of activations is held. The
//! rounding error of a value is a small multiple of that of a plain sum over the two positions
//! (Higham 2002, 23.2.2); it depends on them and on nothing else.

use rayon::prelude::*;

use super::format::NumberFormat;
use super::kernel::{Panel, multiply};
use super::operand::{Form, Operand};
use super::place::{How, ProductPlace};
use super::sums::HalfSums;
use super::tiles::Tiles;
use crate::cpu::line::Line;

/// Smaller matrices lose more to the additions than the eighth multiplication takes.
const LEAST: usize = 512;

/// A weight matrix in the sums of its quarters, in the order of the products.
#[derive(Debug)]
pub(in crate::cpu) struct Halved {
    rows: usize,
    inner: usize,
    parts: Box<[Tiles; 7]>,
}

/// A quarter of a matrix, by the column that it begins at in its half of the rows.
#[derive(Clone, Copy)]
struct Quarter<'a> {
    rows: &'a [f32],
    column: usize,
}

impl Halved {
    /// Whether a matrix `[rows, inner]` is worth it.
    pub(super) const fn pays(rows: usize, inner: usize, format: NumberFormat) -> bool {
        let even = rows.is_multiple_of(2) && inner.is_multiple_of(2);
        matches!(format, NumberFormat::F32) && even && rows >= LEAST && inner >= LEAST
    }

    /// Sums up the quarters of a matrix with even sides; `None` where the processor has no
    /// kernel.
    pub(super) fn new(w: &[f32], inner: usize) -> Option<Self> {
        let (rows, half) = (w.len() / inner, inner / 2);
        let (top, bottom) = w.split_at(rows / 2 * inner);
        let sum = |a: Quarter<'_>, b: Option<(f32, Quarter<'_>)>| -> Option<Tiles> {
            let mut sum = vec![0.0; rows / 2 * half];
            sum.par_chunks_mut(half).enumerate().for_each(|(row, sum)| {
                sum.copy_from_slice(&a.rows[row * inner + a.column..][..half]);
                if let Some((sign, b)) = b {
                    let b = &b.rows[row * inner + b.column..][..half];
                    sum.iter_mut().zip(b).for_each(|(sum, b)| *sum += sign * b);
                }
            });
            Tiles::new(&sum, half, NumberFormat::F32)
        };
        let [w11, w21] = [top, bottom].map(|rows| Quarter { rows, column: 0 });
        let [w12, w22] = [top, bottom].map(|rows| Quarter { rows, column: half });
        let parts = Box::new([
            sum(w11, Some((1.0, w22)))?,
            sum(w21, Some((1.0, w22)))?,
            sum(w11, None)?,
            sum(w22, None)?,
            sum(w11, Some((1.0, w12)))?,
            sum(w21, Some((-1.0, w11)))?,
            sum(w12, Some((-1.0, w22)))?,
        ]);
        Some(Self { rows, inner, parts })
    }

    /// What its operands have to be.
    pub(super) const fn form(&self) -> Form {
        Form { format: NumberFormat::F32, inner: self.inner, halved: true }
    }

    /// `W · x`, set or added to `out`, for panels `x: [panels, inner]`, `out: [panels, rows]`; the
    /// panels are positions of the same sequences.
    pub(super) fn product(&self, x: &Operand<'_>, how: How, out: &mut [Line]) {
        for index in 0..self.parts[0].count() {
            // A tile meets all positions while it is in cache.
            for part in 0..self.parts.len() {
                for (sums, out) in x.pairs().zip(out.chunks_mut(2 * self.rows)) {
                    match sums {
                        HalfSums::Pair(x) => self.pair(part, index, x[part], how, out),
                        HalfSums::Single(x) => self.single(part, index, x, how, out),
                    }
                }
            }
        }
    }

    /// One tile of one of the seven products for two positions.
    fn pair(&self, part: usize, index: usize, x: &[Line], start: How, out: &mut [Line]) {
        let (p, q) = out.split_at_mut(self.rows);
        let ([o1p, o2p], [o1q, o2q]) = (self.places(index, p), self.places(index, q));
        let (first, second) = match part {
            0 => (ProductPlace::lines(start, o1p), Some(ProductPlace::lines(start, o2q))),
            1 => (ProductPlace::lines(start, o2p), Some(ProductPlace::lines(How::Subtract, o2q))),
            2 => (ProductPlace::lines(start, o1q), Some(ProductPlace::lines(How::Add, o2q))),
            3 => (ProductPlace::lines(How::Add, o1p), Some(ProductPlace::lines(How::Add, o2p))),
            4 => {
                (ProductPlace::lines(How::Subtract, o1p), Some(ProductPlace::lines(How::Add, o1q)))
            }
            5 => (ProductPlace::lines(How::Add, o2q), None),
            _ => (ProductPlace::lines(How::Add, o1p), None),
        };
        multiply(self.parts[part].tile(index), Panel::F32(x), first, second);
    }

    /// The same for one position, given its halves and their difference.
    fn single(&self, part: usize, index: usize, x: [&[Line]; 3], start: How, out: &mut [Line]) {
        let [o1, o2] = self.places(index, out);
        let [x1, x2, difference] = x;
        let (x, place) = match part {
            1 => (x1, ProductPlace::lines(start, o2)),
            2 => (difference, ProductPlace::lines(start, o1)),
            3 => (difference, ProductPlace::lines(How::Subtract, o2)),
            4 => (x2, ProductPlace::lines(How::Add, o1)),
            _ => return,
        };
        multiply(self.parts[part].tile(index), Panel::F32(x), place, None);
    }

    /// The rows of a tile in both halves of a panel of the result.
    fn places<'a>(&self, index: usize, panel: &'a mut [Line]) -> [&'a mut [Line]; 2] {
        let tiles = &self.parts[0];
        let (first, rows) = (index * tiles.height(), tiles.tile(index).count());
        let (top, bottom) = panel.split_at_mut(self.rows / 2);
        [&mut top[first..][..rows], &mut bottom[first..][..rows]]
    }
}
