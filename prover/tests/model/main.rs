//! The parts of the crate that need a model: loading, generating, fingerprints, embedding.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic and print"
)]

mod embedding;
mod fingerprints;
mod generation;
mod golden;
mod loading;
mod models;
mod pretraining;
mod robustness;
mod stories;
