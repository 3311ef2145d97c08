//! The engine on real files: loading, generating, pretraining, and equality with other software.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may panic and print"
)]

mod chats;
mod fidelity;
mod generation;
mod golden;
mod loading;
mod models;
mod pretraining;
mod stories;
mod warnings;
mod zoo;
