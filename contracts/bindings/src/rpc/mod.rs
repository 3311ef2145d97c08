//! Typed contracts over an Ethereum provider.
//!
//! Only types, conversions and deployment live here; reading and sending belong to the callers.

pub mod abi;
mod artefacts;
pub mod cases;
mod claim;
mod convert;
mod create;
pub mod deploy;
pub mod reverts;
pub mod verify;

pub use artefacts::creation_code;
pub use cases::CaseStory;
pub use convert::{ConvertError, case_ref, seconds};
