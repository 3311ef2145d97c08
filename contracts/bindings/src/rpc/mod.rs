//! Typed contracts over an Ethereum provider.
//!
//! Only types, conversions and deployment live here; reading and sending belong to the callers.

pub mod abi;
mod convert;

pub use convert::{ConvertError, seconds};
