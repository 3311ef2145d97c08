//! The program as people run it: whole calls, whole outputs, exit codes.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod beacon;
mod chain;
mod copies;
mod delivery;
mod endpoints;
mod failures;
mod fingerprint;
mod help;
mod host;
mod json;
mod keyboard;
#[cfg(feature = "signer-aws")]
mod kms;
mod money;
mod profiles;
mod proxy;
mod rebuilt;
mod rounds;
mod shell;
mod status;
mod stopped;
mod support;
mod trainers;
