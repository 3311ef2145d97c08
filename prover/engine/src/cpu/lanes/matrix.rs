//! Weight matrices cut into tiles of rows, in one of three number formats, and their products.

use rayon::prelude::*;

use super::kernel::{Format, How, Line, Panel, ROWS, RowTile, Target, Words, multiply};
use super::strassen::{Halved, Sums, write_sums};
use super::vector::Simd;
use super::{LANES, ops};

/// A weight matrix `[rows, inner]`, rearranged for products with panels of activations.
#[derive(Debug)]
pub(crate) struct Matrix {
    format: Format,
    rows: usize,
    inner: usize,
    /// Rows per tile; the last tile may have fewer.
    tile: usize,
    words: Vec<u32>,
    /// Int8 only, per row: the value of one step, and 128 times the sum of its steps.
    scales: Vec<f32>,
    corrections: Vec<i32>,
}

/// Larger inner dimensions could overflow a sum of products of bytes.
const MOST_INNER_INT8: usize = 1 << 16;

impl Matrix {
    /// Rearranges a matrix; `None` where the processor has no kernel for it.
    pub(crate) fn new(w: &[f32], inner: usize, format: Format) -> Option<Self> {
        if !format.available() || (format == Format::Int8 && inner > MOST_INNER_INT8) {
            return None;
        }
        let rows = w.len() / inner;
        let tile = rows.div_ceil(rows.div_ceil(ROWS)).max(1);
        let depth = inner.div_ceil(format.per_word());
        let mut words = vec![0; depth * rows];
        let (mut scales, mut corrections) = (Vec::new(), Vec::new());
        if format == Format::Int8 {
            scales = w.par_chunks(inner).map(|row| largest(row) / 127.0).collect();
            let sum = |(row, scale): (&[f32], &f32)| -> i32 {
                row.iter().map(|&value| i32::from(steps(value, *scale))).sum::<i32>() * 128
            };
            corrections = w.par_chunks(inner).zip(&scales).map(sum).collect();
        }
        let tiles = words.par_chunks_mut(depth * tile).zip(w.par_chunks(inner * tile));
        tiles.enumerate().for_each(|(index, (words, w))| {
            let count = w.len() / inner;
            for (r, row) in w.chunks(inner).enumerate() {
                let scale = scales.get(index * tile + r).copied().unwrap_or(1.0);
                for (d, values) in row.chunks(format.per_word()).enumerate() {
                    words[d * count + r] = word(format, values, scale);
                }
            }
        });
        Some(Self { format, rows, inner, tile, words, scales, corrections })
    }

    /// What its operands have to be.
    pub(super) const fn form(&self) -> Form {
        Form { format: self.format, inner: self.inner, halved: false }
    }

    pub(super) const fn tile_rows(&self) -> usize {
        self.tile
    }

    pub(super) const fn tiles(&self) -> usize {
        self.rows.div_ceil(self.tile)
    }

    /// Tile `index`, whose first row is `index · tile_rows`.
    pub(super) fn tile(&self, index: usize) -> RowTile<'_> {
        let first = index * self.tile;
        let rows = self.tile.min(self.rows - first);
        let depth = self.inner.div_ceil(self.format.per_word());
        let of_rows = |from: usize| from..from + rows;
        let scaled = self.format == Format::Int8;
        RowTile {
            words: &self.words[first * depth..][..rows * depth],
            rows,
            scales: if scaled { &self.scales[of_rows(first)] } else { &[] },
            corrections: if scaled { &self.corrections[of_rows(first)] } else { &[] },
        }
    }

    /// `out = W · x`, or `out += W · x`, for panels `x: [panels, inner]`, `out: [panels, rows]`.
    pub(super) fn product(&self, x: &Operand<'_>, out: &mut [Line], accumulate: bool) {
        let panels = out.len() / self.rows;
        for index in 0..self.tiles() {
            let tile = self.tile(index);
            let first = index * self.tile;
            for panel in 0..panels {
                let out = &mut out[panel * self.rows + first..][..tile.rows];
                let how = if accumulate { How::Add } else { How::Set };
                multiply((tile, x.panel(panel)), Target(how, out), None);
            }
        }
    }
}

/// A weight matrix of a layer, whose products with several positions may be taken together.
#[derive(Debug)]
pub(crate) enum Product {
    Whole(Matrix),
    Halved(Halved),
}

impl Product {
    /// Rearranges a matrix; `None` where the processor has no kernel for it.
    pub(crate) fn new(w: &[f32], inner: usize, format: Format) -> Option<Self> {
        match Halved::pays(w.len() / inner, inner, format) {
            true => Halved::new(w, inner).map(Self::Halved),
            false => Matrix::new(w, inner, format).map(Self::Whole),
        }
    }

    /// What its operands have to be.
    pub(super) fn form(&self) -> Form {
        match self {
            Self::Whole(matrix) => matrix.form(),
            Self::Halved(halved) => halved.form(),
        }
    }

    /// As [`Matrix::product`].
    pub(super) fn product(&self, x: &Operand<'_>, out: &mut [Line], accumulate: bool) {
        match self {
            Self::Whole(matrix) => matrix.product(x, out, accumulate),
            Self::Halved(halved) => halved.product(x, out, accumulate),
        }
    }
}

/// The largest magnitude; NaN if there is one.
fn largest(row: &[f32]) -> f32 {
    let sum: f32 = row.iter().map(|x| x * 0.0).sum();
    row.iter().map(|x| x.abs()).fold(0.0, f32::max) + sum
}

/// A value in steps of an eighth bit's worth.
#[expect(clippy::cast_possible_truncation, reason = "the value was clamped to a byte's range")]
fn steps(value: f32, scale: f32) -> i8 {
    if scale > 0.0 { (value / scale).round().clamp(-127.0, 127.0) as i8 } else { 0 }
}

/// One word of a row of weights.
fn word(format: Format, values: &[f32], scale: f32) -> u32 {
    match format {
        Format::F32 => values[0].to_bits(),
        Format::Bf16 => {
            let high = values.get(1).map_or(0, |&x| ops::bfloat16(x));
            ops::bfloat16(values[0]) | high << 16
        }
        Format::Int8 => {
            let mut bytes = [0_u8; 4];
            for (byte, &value) in bytes.iter_mut().zip(values) {
                *byte = steps(value, scale).cast_unsigned();
            }
            u32::from_le_bytes(bytes)
        }
    }
}

/// What an operand is prepared for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) inner: usize,
    /// Whether a product takes sums of halves of its panels.
    pub(super) halved: bool,
}

impl Form {
    /// For products of the same format and inner dimension, at least one.
    pub(super) fn of_all<const N: usize>(products: [&Product; N]) -> Self {
        let halved = products.iter().any(|product| product.form().halved);
        Self { halved, ..products[0].form() }
    }
}

/// Memory for activations in low precision, and for sums of them.
#[derive(Debug, Default)]
pub(super) struct Converted {
    words: Vec<Words>,
    scales: Vec<Line>,
    sums: Vec<Line>,
}

/// Panels of activations in the format of a product.
pub(super) struct Operand<'a> {
    x: &'a [Line],
    form: Form,
    converted: &'a Converted,
}

impl<'a> Operand<'a> {
    /// Converts panels `x: [panels, inner]`.
    pub(super) fn new(simd: Simd, form: Form, x: &'a [Line], converted: &'a mut Converted) -> Self {
        let Form { format, inner, halved } = form;
        if halved {
            write_sums(simd, x, inner, &mut converted.sums);
        }
        if format != Format::F32 {
            let depth = inner.div_ceil(format.per_word());
            let panels = x.len() / inner;
            let count = converted.words.len().max(panels * depth);
            converted.words.resize(count, Words([0; LANES]));
            let count = converted.scales.len().max(panels);
            converted.scales.resize(count, Line::ZERO);
            let outputs = converted.words.chunks_mut(depth).zip(&mut converted.scales);
            for (x, (words, scales)) in x.chunks(inner).zip(outputs) {
                match format {
                    Format::Bf16 => ops::to_bfloat16(x, words),
                    _ => ops::to_bytes(simd, x, words, scales),
                }
            }
        }
        Self { x, form, converted }
    }

    /// Panels two by two, with the sums of their halves; see [`write_sums`].
    pub(super) fn pairs(&self) -> impl Iterator<Item = Sums<'_>> {
        assert!(self.form.halved, "the sums were not made");
        Sums::of(self.x, self.form.inner, &self.converted.sums)
    }

    pub(super) fn panel(&self, index: usize) -> Panel<'_> {
        let Form { format, inner, .. } = self.form;
        let depth = inner.div_ceil(format.per_word());
        let words = || &self.converted.words[index * depth..][..depth];
        match format {
            Format::F32 => Panel::F32(&self.x[index * inner..][..inner]),
            Format::Bf16 => Panel::Bf16(words()),
            Format::Int8 => Panel::Int8(words(), &self.converted.scales[index]),
        }
    }
}
