//! Formats and bindings of the OML contracts.
//!
//! By default this crate is pure: ids and money as newtypes, the hashing formats of
//! `docs/formats.md`, the e-value, EIP-712 vouchers and receipts. They must equal
//! `contracts/src/libraries` bit for bit; golden vectors under `tests/vectors`, read by cargo and by
//! forge, hold the two sides equal.
//!
//! The feature `rpc` adds typed contract instances, conversions, decoded reverts and deployment.

mod abi_encode;
pub mod addresses;
pub mod bundle;
pub mod case;
mod claim;
pub mod draw;
pub mod eip712;
pub mod evidence;
pub mod hash;
pub mod hits;
pub mod ids;
pub mod leaf;
mod money;
#[cfg(feature = "rpc")]
pub mod rpc;
pub mod tag;
pub mod terms;
pub mod tree;

pub use addresses::Addresses;
pub use case::{CaseOpening, Drawn, Outcome};
pub use claim::ChannelVoucher;
pub use eip712::{Close, Domain, Receipt, Signature, Voucher};
pub use ids::*;
pub use money::{Amount, AmountError, Bps, EthAddress, LicenseNonce};
pub use terms::{LicenseRef, Terms};
