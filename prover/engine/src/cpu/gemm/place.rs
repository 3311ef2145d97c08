//! Where products go.

use std::marker::PhantomData;

use super::tile::{COLUMNS, Out};
use crate::cpu::line::{LANES, Line};

/// What a product does to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cpu) enum How {
    /// Replaces what is there.
    Set,
    /// Is added to it.
    Add,
    /// Is subtracted from it.
    Subtract,
}

impl How {
    /// Adds where there is something to add to.
    pub(in crate::cpu) const fn adding(accumulate: bool) -> Self {
        if accumulate { Self::Add } else { Self::Set }
    }
}

/// Where a product goes: some rows of up to 32 columns of a matrix.
pub(in crate::cpu) struct ProductPlace<'a> {
    how: How,
    at: *mut f32,
    /// Floats from one row to the next.
    stride: usize,
    rows: usize,
    columns: usize,
    borrowed: PhantomData<&'a mut f32>,
}

impl<'a> ProductPlace<'a> {
    /// Whole lines, one per row.
    pub(in crate::cpu) fn lines(how: How, lines: &'a mut [Line]) -> Self {
        Self {
            how,
            at: lines.as_mut_ptr().cast(),
            stride: LANES,
            rows: lines.len(),
            columns: COLUMNS,
            borrowed: PhantomData,
        }
    }

    /// The panel that begins at a column, in whole rows of a matrix of a width.
    pub(super) fn panel(how: How, out: &'a mut [f32], width: usize, column: usize) -> Self {
        let rows = out.len() / width;
        assert!(column < width && out.len() == rows * width, "the place is not in the matrix");
        let columns = (width - column).min(COLUMNS);
        let at = out[column..].as_mut_ptr();
        Self { how, at, stride: width, rows, columns, borrowed: PhantomData }
    }

    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// The place as kernels know it.
    pub(super) fn out(self) -> Out {
        let Self { how, at, stride, columns, .. } = self;
        let sign = if how == How::Subtract { -1.0 } else { 1.0 };
        Out { at, stride, columns, kept: how != How::Set, sign }
    }
}
