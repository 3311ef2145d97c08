//! Typed contracts over an Ethereum provider.
//!
//! Only types, conversions and deployment live here; reading and sending belong to the callers.

pub mod abi;
mod convert;
pub mod deploy;
pub mod reverts;

pub use convert::{ConvertError, seconds};
