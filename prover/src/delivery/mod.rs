//! A copy on its way from the owner to a host: sealed, checked, opened.
//!
//! The owner seals a copy once; the host fetches it by any transport, checks every byte, and says
//! on chain that it has it. Only then the owner puts the copy's key on chain, which makes the
//! license active. So neither side ends with both the readable copy and the money
//! (`docs/decisions/025-copies-by-a-key-on-chain.md`).
//!
//! Two files in one folder, and the owner's secrets (`delivery.key`) beside them. `copy.sealed`:
//! the copy's files as one tar stream, in chunks of 1 MiB, each sealed by ChaCha20-Poly1305 as
//! `chunk_cipher` describes, with the license's id as associated data. `copy.manifest`: what a host
//! needs to check them:
//!
//! `"OMLC" ‖ version u16 ‖ 0 u16 ‖ licenseId (32) ‖ keyHash (32) ‖ chunk size u32 ‖ length u64 ‖
//! sealed secret (81) ‖ SHA-256 of each sealed chunk (32 each)`
//!
//! * `keyHash = keccak(key)`; the contract compares it with the key that the owner brings.
//! * The root that the host accepts is `keccak("OML.copy.v1" ‖ manifest)`.
//! * The content key is `keccak("OML.copy.key.v1" ‖ key ‖ secret ‖ licenseId ‖ sealed secret)`. The
//!   secret is sealed to the host's X25519 key, so that a key which everybody reads on chain opens
//!   nothing for a stranger who has the ciphertext.
//!
//! The manifest is for everybody; a download of the ciphertext shows
//! `keccak("OML.copy.token.v1" ‖ secret)`, so that strangers can't use up the owner's line.
//!
//! Memory is constant but for 32 bytes per MiB of the copy, the manifest.

mod error;
mod fetch;
mod fetch_error;
#[cfg(test)]
mod fetch_tests;
mod lock;
mod manifest;
mod open;
mod paced;
mod seal;
mod secrets;
#[cfg(test)]
mod tests;

pub use error::DeliveryError;
pub use fetch::{
    CopyToFetch, FETCH_PATIENCE, FetchProgress, FetchedCopy, KnownManifest, checked_manifest,
    fetch_copy,
};
pub use fetch_error::FetchError;
pub use manifest::{CopyManifest, MANIFEST_FILE, SEALED_FILE, key_hash};
pub use open::open_copy;
pub use seal::{CopyToSeal, seal_copy};
pub use secrets::CopySecrets;

/// Bytes of the copy in a chunk.
pub const CHUNK: usize = 1 << 20;
