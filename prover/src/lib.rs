//! Fingerprints of language models.
//!
//! Draws a license's keys, embeds their answers, checks a suspected copy and attributes it. Pure:
//! no RPC and no database, so the crate is useful without a chain.

pub mod check;
mod chunk_cipher;
pub mod delivery;
pub mod embed;
pub mod fingerprint;
pub mod science;
pub mod sealed_box;
pub mod trace;
mod weights_hash;

pub use weights_hash::weights_hash;
