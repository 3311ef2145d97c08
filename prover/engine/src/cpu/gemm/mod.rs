//! Matrix products: one family of kernels, and who uses it.
//!
//! * [`kernel`]: 14 rows times 32 columns, in one of three number formats; `avx512` speaks its
//!   instructions.
//! * [`Panels`]: weights packed once for activations that lie row by row.
//! * [`Tiles`], [`LaneMatrix`]: weights packed once for sequences side by side, large ones as
//!   [`halves`].
//! * [`library`]: the `gemm` crate, for training and wherever none of these serves.

#[cfg(all(target_arch = "x86_64", not(feature = "portable-kernels")))]
mod avx512;
#[cfg(test)]
mod exact;
mod format;
mod halves;
mod kernel;
mod lane_matrix;
pub(super) mod library;
mod operand;
mod packing;
mod panels;
mod place;
#[cfg(any(not(target_arch = "x86_64"), feature = "portable-kernels"))]
mod portable;
mod sums;
#[cfg(test)]
mod tests;
mod tile;
mod tiles;

pub(crate) use format::NumberFormat;
pub(super) use kernel::multiply;
pub(super) use lane_matrix::LaneMatrix;
pub(super) use operand::{Converted, Form, Operand};
pub(super) use panels::Panels;
pub(super) use place::{How, ProductPlace};
pub(super) use tile::ROWS;
pub(super) use tiles::Tiles;
