//! How sequences of one length lie in the rows of activations.

use gemm::Parallelism;
use rayon::prelude::*;

use crate::cpu::buffer::Buffer;
use crate::cpu::math::add;

/// A block of equally long sequences. Its rows are those of the positions that all sequences share,
/// then those of the other positions, sequence by sequence.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Block {
    /// Tokens per sequence.
    pub(in crate::cpu) t: usize,
    /// Position of the first token.
    pub(in crate::cpu) start: usize,
    /// First positions at which all sequences have the same tokens, and so the same rows; fewer
    /// than `t`.
    pub(in crate::cpu) shared: usize,
    /// How matrix products run: on one core where there are several chunks.
    pub(in crate::cpu) threads: Parallelism,
}

/// What sequences get of the rows that they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) enum SharedRows {
    /// Each a copy.
    Repeated,
    /// The first sequence has them, the others have zeros: gradients must count once.
    First,
}

impl Block {
    /// Position of each of `rows` tokens.
    pub(in crate::cpu) fn positions(self, rows: usize) -> impl Iterator<Item = usize> {
        let own = self.t - self.shared;
        (0..rows).map(move |row| match row.checked_sub(self.shared) {
            None => self.start + row,
            Some(row) => self.start + self.shared + row % own,
        })
    }

    /// Rows of some sequences.
    pub(in crate::cpu) const fn rows(self, sequences: usize) -> usize {
        self.shared + sequences * (self.t - self.shared)
    }

    /// The row of a position of a sequence.
    pub(in crate::cpu) const fn row(self, sequence: usize, position: usize) -> usize {
        if position < self.shared {
            position
        } else {
            self.shared + sequence * (self.t - self.shared) + position - self.shared
        }
    }

    /// Rows of a width for each sequence on its own.
    pub(in crate::cpu) fn spread(self, x: Buffer, width: usize, shared_rows: SharedRows) -> Buffer {
        if self.shared == 0 {
            return x;
        }
        let (shared, own) = x.split_at(self.shared * width);
        let own = own.par_chunks((self.t - self.shared) * width);
        let mut out = Buffer::uncleared(own.len() * self.t * width);
        out.par_chunks_mut(self.t * width).zip(own).enumerate().for_each(
            |(sequence, (out, own))| {
                let (first, rest) = out.split_at_mut(shared.len());
                if shared_rows == SharedRows::Repeated || sequence == 0 {
                    first.copy_from_slice(shared);
                } else {
                    first.fill(0.0);
                }
                rest.copy_from_slice(own);
            },
        );
        out
    }

    /// The opposite: of shared rows those of the first sequence.
    pub(in crate::cpu) fn first(self, x: Buffer, width: usize) -> Buffer {
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
    pub(in crate::cpu) fn sum(self, x: Buffer, width: usize) -> Buffer {
        let shared = self.shared * width;
        let rows = x.len();
        let mut sum = Buffer::copy(&x[..shared.min(rows)]);
        for x in x.chunks(self.t * width).skip(1) {
            add(&mut sum, &x[..shared]);
        }
        let mut out = self.first(x, width);
        out[..sum.len()].copy_from_slice(&sum);
        out
    }
}
