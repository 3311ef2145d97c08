//! A drand relay with a key of its own, for local chains, tests and the demo.
//!
//! It signs rounds with the scheme of drand's network evmnet (`bls-bn254-unchained-on-g1`) and
//! serves them in the format of drand's HTTP API, version 1. One program knows the whole key, so
//! its rounds are worth nothing to anybody else: whoever runs it can compute all of them ahead.

mod hash_to_curve;
mod key;
mod server;

pub use key::{RelayKey, RelayKeyError};
pub use server::{Relay, RelayError, Schedule};
