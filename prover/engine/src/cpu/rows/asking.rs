//! Which rows of the residual stream ask, and where.

use super::block::Block;
use crate::cpu::buffer::Buffer;
use crate::cpu::math::add;

/// The rows of the residual stream that are needed after the last layer; there only these ask.
#[derive(Debug, Default)]
pub(in crate::cpu) struct Asking {
    /// Rows among all of the block, sequence by sequence.
    pub(in crate::cpu) rows: Vec<usize>,
    /// The positions of these rows in their sequences.
    pub(in crate::cpu) positions: Vec<usize>,
    /// Where the rows of each sequence end.
    pub(in crate::cpu) ends: Vec<usize>,
}

impl Asking {
    /// All rows of sequences that share none.
    pub(in crate::cpu) fn all(block: Block, sequences: usize) -> Self {
        let block = Block { shared: 0, ..block };
        Self {
            rows: (0..sequences * block.t).collect(),
            positions: block.positions(sequences * block.t).collect(),
            ends: (1..=sequences).map(|i| i * block.t).collect(),
        }
    }

    /// The last row of each sequence.
    pub(in crate::cpu) fn last(block: Block, sequences: usize) -> Self {
        Self {
            rows: (1..=sequences).map(|i| i * block.t - 1).collect(),
            positions: vec![block.start + block.t - 1; sequences],
            ends: (1..=sequences).collect(),
        }
    }

    /// Asking rows of each sequence.
    pub(in crate::cpu) fn sequences(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| start..end)
    }

    /// The asking ones of rows of a width.
    pub(in crate::cpu) fn gather(&self, x: &[f32], width: usize) -> Buffer {
        let mut gathered = Buffer::empty(self.rows.len() * width);
        for &row in &self.rows {
            gathered.extend_from_slice(&x[row * width..(row + 1) * width]);
        }
        gathered
    }

    /// Adds asking rows to all rows.
    pub(in crate::cpu) fn scatter(&self, x: &[f32], width: usize, out: &mut [f32]) {
        for (x, &row) in x.chunks(width).zip(&self.rows) {
            add(&mut out[row * width..(row + 1) * width], x);
        }
    }
}
