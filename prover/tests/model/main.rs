//! The parts of the crate that need a model: fingerprints, embedding, hashes of weights.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic and print"
)]

mod embedding;
mod fingerprints;
mod models;
mod robustness;
mod stories;
mod weights_hash;
