//! The prover's checks: ask a deployment the questions of a case, keep the tags, commit.
//!
//! "Could not check" is no verdict: [`conclude`] turns silence into "no answer" only where this node's
//! own network works and the deployment stays silent to the end.

pub mod conclude;
pub mod fetch;
pub mod guard;
mod job;
mod order;
#[cfg(test)]
mod tests;

pub use job::CheckHandler;
pub use order::{CHECK_JOB, CheckOrder};
