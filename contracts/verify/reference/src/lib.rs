//! The protocol's money in a few hundred lines of Rust, and the contracts' bytecode held against it.
//!
//! [`model`] states the rules: who has what, which events a call must cause, which rules a call breaks. [`evm`] runs the
//! compiled contracts in an EVM of this process. [`run`] makes random calls to both, sensible ones and others, and compares
//! every refusal with its reason, every event, the state of what a call touched and in the end every balance. There are two
//! kinds of sequences: an account plays the challenge manager and freezes, slashes and draws when it likes; or the contract
//! decides, over reports, cases and proofs.

pub mod evm;
pub mod model;
pub mod run;
pub mod wallets;
