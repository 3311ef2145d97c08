//! Formats and bindings of the OML contracts.
//!
//! By default this crate is pure: ids and money as newtypes, the hashing formats of
//! `docs/formats.md`, the e-value, EIP-712 vouchers and receipts. They must equal
//! `contracts/src/libraries` bit for bit; golden vectors under `tests/vectors`, read by cargo and
//! by forge, hold the two sides equal.
//!
//! The feature `rpc` adds typed contract instances, conversions, decoded reverts and deployment.

mod abi_encode;
mod address;
pub mod addresses;
mod amount;
pub mod beacon;
pub mod bundle;
pub mod chains;
mod claim;
pub mod draw;
pub mod eip712;
pub mod evidence;
pub mod hash;
pub mod hits;
pub mod ids;
pub mod keccak;
pub mod leaf;
pub mod ledger;
mod license;
mod preimage;
pub mod round;
#[cfg(feature = "rpc")]
pub mod rpc;
mod serving;
pub mod tag;
pub mod terms;
mod text;
pub mod tree;

pub use address::EthAddress;
pub use addresses::Addresses;
pub use amount::{Amount, AmountError, Bps};
pub use claim::ChannelVoucher;
pub use eip712::{Close, Domain, Receipt, Signable, Signature, Voucher};
pub use ids::*;
pub use license::LicenseRef;
pub use serving::{ReceiptNumber, ServingKey, ServingKeys};
pub use terms::Terms;
pub use text::{HexFault, ParseHexError};
