//! The rules of the contracts a second time, in plain Rust, and the contracts' bytecode held
//! against them.
//!
//! `model` states the rules of licenses, collateral, payments, proofs, rounds and tickets: who has
//! what, which events a call must cause, which rules a call breaks. `evm` runs the compiled
//! contracts in an EVM of this process. [`run`] makes random calls to both, sensible ones and
//! others, and compares every refusal with its reason, every event, and in the end every balance.
//! There are three kinds of sequences: accounts play the contracts of proofs and of rounds; or the
//! contract decides over reports and proofs; or the contracts decide over rounds, too.

mod agreed;
mod evm;
mod model;
pub mod run;
mod settings;
mod tokens;
mod wallets;

pub use evm::SetUpError;
pub use wallets::WalletCode;
