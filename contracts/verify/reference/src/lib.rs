//! The rules of the contracts a second time, in plain Rust, and the contracts' bytecode held
//! against them.
//!
//! `model` states the rules of licenses, collateral, payments and proofs: who has what, which
//! events a call must cause, which rules a call breaks. `evm` runs the compiled contracts in an EVM
//! of this process. [`run`] makes random calls to both, sensible ones and others, and compares
//! every refusal with its reason, every event, and in the end every balance. There are two kinds of
//! sequences: an account plays the contract of proofs; or the contract decides, over reports and
//! proofs. The contract of rounds is always played by an account that slashes, burns and redirects
//! when it likes: the rules of rounds, and of tickets, are not here.

mod agreed;
mod evm;
mod model;
pub mod run;
mod settings;
mod tokens;
mod wallets;

pub use evm::SetUpError;
pub use wallets::WalletCode;
