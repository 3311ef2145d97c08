//! The host's key, to which copies are sealed.

use crate::chain::Chain;
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
    let key = fresh()?;
    files::write_secret(path, key.to_hex().as_bytes())?;
    Ok(key)
}

fn fresh() -> Result<EncryptionKey> {
    let hint = "the cause is the system's";
    EncryptionKey::generate().hint("no key could be made", hint, FailureKind::Signer)
}

/// The same for a purchase on this chain; a dry run writes nothing, and takes one that is thrown
/// away.
///
/// # Errors
/// As [`encryption_key`].
pub fn buyers_key(chain: &Chain, path: &Path) -> Result<EncryptionKey> {
    if chain.is_dry_run() && !path.exists() { fresh() } else { encryption_key(path) }
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
