//! The key to which hand-outs are sealed.

use crate::error::{ClientError, FailureKind, HintExt, Result};
use crate::files;
use alloy::primitives::B256;
use oml_node::rounds::EncryptionKey;
use std::path::Path;

/// Makes a secret key file and returns its public half.
///
/// # Errors
/// The file exists or can't be written.
pub fn keygen(path: &Path) -> Result<B256> {
    let key = EncryptionKey::generate().map_err(|e| ClientError::Other(e.into()))?;
    files::write_secret(path, key.to_hex().as_bytes())?;
    Ok(B256::from(key.public()))
}

/// The public half of a secret key file.
///
/// # Errors
/// The file can't be read, or holds no key.
pub fn public_key(path: &Path) -> Result<B256> {
    let text = files::read(path)?;
    let key = EncryptionKey::from_hex(&String::from_utf8_lossy(&text)).hint(
        format!("{} is no prover key", path.display()),
        "make one with `oml prover keygen`",
        FailureKind::Signer,
    )?;
    Ok(B256::from(key.public()))
}
