//! How sequences of one length lie in the rows of activations.

use gemm::Parallelism;
use rayon::prelude::*;

use super::buffer::Buffer;
use super::ops;

/// A block of equally long sequences. Its rows are those of the positions that all sequences share, then
/// those of the other positions, sequence by sequence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// Tokens per sequence.
    pub(super) t: usize,
    /// Position of the first token.
    pub(super) start: usize,
    /// First positions at which all sequences have the same tokens, and so the same rows; fewer than `t`.
    pub(super) shared: usize,
    /// How matrix products run: on one core where there are several chunks.
    pub(super) threads: Parallelism,
}

impl Block {
    /// Position of each of `rows` tokens.
    pub(super) fn positions(self, rows: usize) -> impl Iterator<Item = usize> {
        let own = self.t - self.shared;
        (0..rows).map(move |row| match row.checked_sub(self.shared) {
            None => self.start + row,
            Some(row) => self.start + self.shared + row % own,
        })
    }

    /// Rows of some sequences.
    pub(super) const fn rows(self, sequences: usize) -> usize {
        self.shared + sequences * (self.t - self.shared)
    }

    /// The row of a position of a sequence.
    pub(super) const fn row(self, sequence: usize, position: usize) -> usize {
        if position < self.shared {
            position
        } else {
            self.shared + sequence * (self.t - self.shared) + position - self.shared
        }
    }

    /// Rows of a width for each sequence on its own; shared ones are repeated, or given to the first sequence
    /// only and zero for the others.
    pub(super) fn spread(self, x: Buffer, width: usize, repeat: bool) -> Buffer {
        if self.shared == 0 {
            return x;
        }
        let (shared, own) = x.split_at(self.shared * width);
        let own = own.par_chunks((self.t - self.shared) * width);
        let mut out = Buffer::uncleared(own.len() * self.t * width);
        out.par_chunks_mut(self.t * width).zip(own).enumerate().for_each(
            |(sequence, (out, own))| {
                let (first, rest) = out.split_at_mut(shared.len());
                match repeat || sequence == 0 {
                    true => first.copy_from_slice(shared),
                    false => first.fill(0.0),
                }
                rest.copy_from_slice(own);
            },
        );
        out
    }

    /// The opposite: of shared rows those of the first sequence.
    pub(super) fn first(self, x: Buffer, width: usize) -> Buffer {
        if self.shared == 0 {
            return x;
        }
        let (shared, all) = (self.shared * width, x.par_chunks(self.t * width));
        let mut out = Buffer::uncleared(self.rows(all.len()) * width);
        let (first, own) = out.split_at_mut(shared);
        first.copy_from_slice(&x[..shared]);
        own.par_chunks_mut(self.t * width - shared)
            .zip(all)
            .for_each(|(own, x)| own.copy_from_slice(&x[shared..]));
        out
    }

    /// The opposite for gradients: shared rows are added up.
    pub(super) fn sum(self, x: Buffer, width: usize) -> Buffer {
        let shared = self.shared * width;
        let rows = x.len();
        let mut sum = Buffer::copy(&x[..shared.min(rows)]);
        for x in x.chunks(self.t * width).skip(1) {
            ops::add(&mut sum, &x[..shared]);
        }
        let mut out = self.first(x, width);
        out[..sum.len()].copy_from_slice(&sum);
        out
    }
}

/// The rows of the residual stream that are needed after the last layer; there only these ask.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// Rows among all of the block, sequence by sequence.
    pub(super) rows: Vec<usize>,
    /// Their positions.
    pub(super) positions: Vec<usize>,
    /// Where the rows of each sequence end.
    pub(super) ends: Vec<usize>,
}

impl Asking {
    /// All rows of sequences that share none.
    pub(super) fn all(block: Block, sequences: usize) -> Self {
        let block = Block { shared: 0, ..block };
        Self {
            rows: (0..sequences * block.t).collect(),
            positions: block.positions(sequences * block.t).collect(),
            ends: (1..=sequences).map(|i| i * block.t).collect(),
        }
    }

    /// The last row of each sequence.
    pub(super) fn last(block: Block, sequences: usize) -> Self {
        Self {
            rows: (1..=sequences).map(|i| i * block.t - 1).collect(),
            positions: vec![block.start + block.t - 1; sequences],
            ends: (1..=sequences).collect(),
        }
    }

    /// Asking rows of each sequence.
    pub(super) fn sequences(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| start..end)
    }

    /// The asking ones of rows of a width.
    pub(super) fn gather(&self, x: &[f32], width: usize) -> Buffer {
        let mut gathered = Buffer::empty(self.rows.len() * width);
        for &row in &self.rows {
            gathered.extend_from_slice(&x[row * width..(row + 1) * width]);
        }
        gathered
    }

    /// Adds asking rows to all rows.
    pub(super) fn scatter(&self, x: &[f32], width: usize, out: &mut [f32]) {
        for (x, &row) in x.chunks(width).zip(&self.rows) {
            ops::add(&mut out[row * width..(row + 1) * width], x);
        }
    }
}
