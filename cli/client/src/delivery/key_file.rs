//! The host's key, to which copies are sealed.

use crate::error::{FailureKind, HintExt, Result};
use crate::files;
use oml_prover::sealed_box::EncryptionKey;
use std::path::Path;

/// The host's key at `path`, to which copies are sealed; made if there is none.
///
/// # Errors
/// The file holds something else, or can't be written.
pub fn encryption_key(path: &Path) -> Result<EncryptionKey> {
    if path.exists() {
        return load_encryption_key(path);
    }
    let key = EncryptionKey::generate().hint(
        "no key could be made",
        "the cause is the system's",
        FailureKind::Signer,
    )?;
    files::write_secret(path, key.to_hex().as_bytes())?;
    Ok(key)
}

/// The host's key at `path`.
///
/// # Errors
/// The file is not there, or holds something else.
pub fn load_encryption_key(path: &Path) -> Result<EncryptionKey> {
    let text = files::read(path)?;
    EncryptionKey::from_hex(&String::from_utf8_lossy(&text)).hint(
        format!("{} is no key to which a copy is sealed", path.display()),
        "`oml license acquire` writes one beside the license file",
        FailureKind::Signer,
    )
}
