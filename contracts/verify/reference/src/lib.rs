//! The rules of the contracts a second time, in plain Rust, and the contracts' bytecode held
//! against them.
//!
//! `model` states the rules of licenses, collateral, payments, stakes, proofs and cases: who has
//! what, which events a call must cause, which rules a call breaks. `evm` runs the compiled
//! contracts in an EVM of this process. [`run`] makes random calls to both, sensible ones and
//! others, and compares every refusal with its reason, every event, the state of what a call
//! touched and in the end every balance. There are two kinds of sequences: an account plays the
//! challenge manager and freezes, slashes and draws when it likes; or the contract decides, over
//! reports, cases and proofs.

mod agreed;
mod evm;
mod model;
pub mod run;
mod wallets;

pub use evm::SetUpError;
pub use wallets::WalletCode;
