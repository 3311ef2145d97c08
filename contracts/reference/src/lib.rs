//! The protocol's money in a few hundred lines of Rust, and the contracts' bytecode held against it.
//!
//! [`model`] states the rules: who has what, and which events a call must cause. [`evm`] runs the compiled contracts in an
//! EVM of this process. [`run`] makes random calls to both, sensible ones and others, and compares every refusal, every
//! event and in the end every balance. Licenses, collateral, fees, channels and payouts are covered; the challenge manager is
//! played by an account.

pub mod evm;
pub mod model;
pub mod run;
