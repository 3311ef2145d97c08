//! Sealed copies in the owner's folder.

use std::path::{Path, PathBuf};

use oml_contracts::LicenseId;
use oml_prover::delivery::{CopyManifest, CopySecrets, DeliveryError};

use super::key_step::OwnCopy;

/// Folder of a license's sealed copy.
pub(super) fn folder_of(copies: &Path, license: LicenseId) -> PathBuf {
    copies.join(license.to_string())
}

/// What names the copy in `folder` on chain, and what opens it.
pub(super) fn own_copy(
    folder: &Path,
    id: LicenseId,
) -> Result<(OwnCopy, CopySecrets), DeliveryError> {
    let manifest = CopyManifest::load(folder, id)?;
    let secrets = CopySecrets::load(folder, id)?;
    Ok((OwnCopy { root: manifest.root(), key_hash: manifest.key_hash }, secrets))
}
