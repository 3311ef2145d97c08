//! What the owner keeps of a sealed copy.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use oml_contracts::{CopyKey, LicenseId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::DeliveryError;
use super::manifest::token_of;
use crate::sealed_box::random_bytes;

/// Name of the secrets' file in the folder of a sealed copy.
const FILE: &str = "delivery.key";

/// What opens a sealed copy: the key goes on chain once the host has accepted, the secret is sealed
/// to the host. Never printed.
#[expect(missing_debug_implementations, reason = "a key must not get into a log")]
pub struct CopySecrets {
    key: Zeroizing<[u8; 32]>,
    pub(super) secret: Zeroizing<[u8; 32]>,
}

/// The same as it is written; only its owner may read the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    license_id: LicenseId,
    key: CopyKey,
    secret: CopyKey,
}

impl CopySecrets {
    /// Where the secrets of the sealed copy in `folder` are kept.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Those of a folder, or fresh ones, which are on the disk before anything is sealed with them.
    ///
    /// # Errors
    /// [`DeliveryError`]: they are of another license, can't be written, no random bytes.
    pub(crate) fn of_folder(folder: &Path, license: LicenseId) -> Result<Self, DeliveryError> {
        let path = Self::path(folder);
        if path.exists() {
            return Self::load(folder, license);
        }
        let fresh = Self { key: random_bytes()?, secret: random_bytes()? };
        let kept = Kept {
            license_id: license,
            key: fresh.copy_key(),
            secret: CopyKey::new(*fresh.secret),
        };
        let write = || {
            fs::create_dir_all(folder)?;
            let text = Zeroizing::new(serde_json::to_vec_pretty(&kept)?);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(DeliveryError::at(&path))?;
        Ok(fresh)
    }

    /// Those of the sealed copy in `folder`.
    ///
    /// # Errors
    /// [`DeliveryError`]: not there, malformed, of another license.
    pub fn load(folder: &Path, license: LicenseId) -> Result<Self, DeliveryError> {
        let path = Self::path(folder);
        let text = Zeroizing::new(fs::read(&path).map_err(DeliveryError::at(&path))?);
        let kept: Kept = serde_json::from_slice(&text)
            .map_err(|error| DeliveryError::at(&path)(error.into()))?;
        if kept.license_id != license {
            return Err(DeliveryError::OtherLicense { found: kept.license_id, wanted: license });
        }
        Ok(Self {
            key: Zeroizing::new(*kept.key.as_bytes()),
            secret: Zeroizing::new(*kept.secret.as_bytes()),
        })
    }

    /// What a download of the ciphertext must show.
    #[must_use]
    pub fn download_token(&self) -> [u8; 32] {
        token_of(self.secret.as_slice())
    }

    /// The copy's key as it goes on chain.
    #[must_use]
    pub fn copy_key(&self) -> CopyKey {
        CopyKey::new(*self.key)
    }
}
