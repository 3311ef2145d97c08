//! A weight matrix of a layer for sequences side by side, in the way that suits its size.

use super::format::NumberFormat;
use super::halves::Halved;
use super::operand::{Form, Operand};
use super::place::How;
use super::tiles::Tiles;
use crate::cpu::line::Line;

/// A packed weight matrix; products with several positions may be taken together.
#[derive(Debug)]
pub(in crate::cpu) enum LaneMatrix {
    Whole(Tiles),
    Halved(Halved),
}

impl LaneMatrix {
    /// Packs a matrix; `None` where the processor has no kernel for it.
    pub(in crate::cpu) fn new(w: &[f32], inner: usize, format: NumberFormat) -> Option<Self> {
        match Halved::pays(w.len() / inner, inner, format) {
            true => Halved::new(w, inner).map(Self::Halved),
            false => Tiles::new(w, inner, format).map(Self::Whole),
        }
    }

    /// What its operands have to be.
    pub(in crate::cpu) const fn form(&self) -> Form {
        match self {
            Self::Whole(tiles) => tiles.form(),
            Self::Halved(halved) => halved.form(),
        }
    }

    /// `W · x`, set or added to `out`, for panels `x: [panels, inner]`, `out: [panels, rows]`; the
    /// panels are positions of the same sequences.
    pub(in crate::cpu) fn product(&self, x: &Operand<'_>, how: How, out: &mut [Line]) {
        match self {
            Self::Whole(tiles) => tiles.product(x, how, out),
            Self::Halved(halved) => halved.product(x, how, out),
        }
    }
}
