//! The prover's part in a round: ask a deployment a seat's keys, keep the tags, send them.
//!
//! "Could not check" is no verdict: [`conclude`] turns silence into "no answer" only where this
//! node's own network works and the deployment stays silent to the end.

mod ask;
mod conclude;
mod duty;
pub(crate) mod guard;

pub use ask::AskHandler;
pub(super) use duty::SeatError;
pub use duty::{ProverDuty, SeatHabits};
