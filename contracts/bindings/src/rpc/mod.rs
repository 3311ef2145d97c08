//! Typed contracts over an Ethereum provider.
//!
//! Only types, conversions and deployment live here; reading and sending belong to the callers.

pub mod abi;
mod artefacts;
mod claim;
mod convert;
mod create;
pub mod deploy;
mod deploy_error;
mod deploy_params;
pub mod points;
pub mod reverts;
pub mod rounds;
pub mod verify;

pub use artefacts::{ArtefactError, creation_code};
pub use convert::{ConvertError, seconds};
