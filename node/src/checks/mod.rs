//! The prover's checks: ask a deployment the questions of a case, keep the tags, commit.

pub mod endpoint;
pub mod guard;
