//! Level-2 cases: what each role does next, and the service that does it.
//!
//! The decision is pure ([`next_action`]); [`seal`], [`questions`] and [`opening`] build what a step
//! needs; [`CaseService`] reads the contracts after every head and turns decisions into jobs and
//! transactions.

mod api;
mod case_file;
pub mod decoys;
pub mod handout;
mod machine;
pub mod opening;
mod plan;
pub mod questions;
mod reading;
pub mod seal;
mod secrets;
mod service;
mod submit;
mod universe;
mod universe_file;
mod wiring;

pub use api::questions_router;
pub use case_file::{CaseFile, Member, PaidRequest};
pub use machine::{Action, Actor, Phase, Role, advanced, margin, next_action, phase, rebuttals};
pub use plan::Calls;
pub use questions::shuffled_order;
pub use reading::{CaseReader, ReadError, case_story, case_view};
pub use secrets::{commitment_of, keep_secret, secret_for};
pub use service::{CaseService, Duties, StepError, Universes};
pub(crate) use submit::submit_once;
pub use submit::{SubmitError, Submitted};
pub use universe::{OpenableUniverse, UncommittedUniverse};
pub use wiring::wire;

/// Leaves of a bundle.
pub(crate) const BUNDLE_SIZE: usize = oml_contracts::leaf::BUNDLE;
