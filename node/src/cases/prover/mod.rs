//! The prover's part in a case: ask a deployment its questions, keep the tags, commit.
//!
//! "Could not check" is no verdict: [`conclude`] turns silence into "no answer" only where this
//! node's own network works and the deployment stays silent to the end.

mod conclude;
mod fetch;
mod guard;
mod job;
mod order;
mod secrets;
#[cfg(test)]
mod tests;

pub use job::CheckHandler;
pub(crate) use order::CheckOrder;
pub(crate) use secrets::{commitment_of, secret_for};
