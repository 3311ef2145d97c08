//! Level-2 cases: what each role does next, and the service that does it.
//!
//! The decision is pure ([`next_action`]); [`seal`], [`questions`] and [`opening`] build what a step
//! needs; `service` reads the contracts after every head and turns decisions into jobs and
//! transactions.

mod case_file;
pub mod decoys;
mod machine;
pub mod questions;
pub mod seal;

pub use case_file::{CaseFile, Member, PaidRequest};
pub use machine::{Action, Actor, Phase, Role, advanced, margin, next_action, phase, rebuttals};

/// Leaves of a bundle.
pub(crate) const BUNDLE_SIZE: usize = oml_contracts::leaf::BUNDLE;
