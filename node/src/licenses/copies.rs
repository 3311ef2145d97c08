//! Sealed copies in the folders of owners and hosts.

use std::path::{Path, PathBuf};

use oml_contracts::LicenseId;
use oml_prover::delivery::{CopyManifest, CopySecrets, DeliveryError};

use super::key_step::CopyName;

/// Folder of a license's sealed copy.
pub(super) fn folder_of(copies: &Path, license: LicenseId) -> PathBuf {
    copies.join(license.to_string())
}

/// What names the copy in `folder` on chain, and what opens it.
pub(super) fn own_copy(
    folder: &Path,
    id: LicenseId,
) -> Result<(CopyName, CopySecrets), DeliveryError> {
    let manifest = CopyManifest::load(folder, id)?;
    let secrets = CopySecrets::load(folder, id)?;
    Ok((CopyName::of(&manifest), secrets))
}
