//! Beacon rounds: whether one is due, what proves its value, and the transaction that brings it.
//!
//! Nobody trusts whom they ask. A header must hash to the block's hash, a signature must be a point
//! of its curve, and the contract itself must accept the proof in a simulation before anything is
//! sent. "Could not fetch" is an error that is tried again, never a value and never its absence.

mod bringer;
mod decide;
mod drand;
mod error;
mod header;
mod proof;

pub use bringer::{RoundHandler, RoundOrders};
pub use decide::{Present, RoundStep, round_step};
pub use drand::{DrandAnswer, Relays};
pub use error::{BeaconError, DrandFault, RefusedRelay};
pub use proof::{ProofSource, RoundProof};
