//! The parts of the crate that need a model: loading, generating, fingerprints, embedding.

mod embedding;
mod fingerprints;
mod generation;
mod loading;
mod models;
mod pretraining;
mod stories;
