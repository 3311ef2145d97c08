//! Fingerprints of language models.
//!
//! Makes keys, draws a license's answers to them, embeds these in a copy, seals the copy for its
//! host, checks a suspected copy and says whose it is. Pure: no RPC and no database, so the crate
//! is useful without a chain.

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
