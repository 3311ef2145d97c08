//! A universe at rest: encrypted, versioned, read and written in chunks.
//!
//! Layout: `"OMLU" ‖ version u16 ‖ kind u8 ‖ log_n u8 ‖ r u32 ‖ p u32 ‖ salt (16) ‖ nonce (7)`,
//! then chunks of at most 64 KiB, each `ChaCha20-Poly1305` with nonce
//! `nonce ‖ counter u32 ‖ last u8` (the STREAM construction: chunks can't be dropped, reordered or
//! cut off) and the header as associated data. The key is
//! `keccak("OML.universe.key.v1" ‖ secret ‖ salt)`, where the secret of a passphrase comes from
//! scrypt. Inside are JSON lines: a header, then one entry per line.

mod error;
mod file;
mod stream;
#[cfg(test)]
mod tests;

pub use error::UniverseFileError;
