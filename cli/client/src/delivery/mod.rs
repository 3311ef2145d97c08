//! A copy's way from its owner to a host: sealed, fetched, accepted, its key delivered, opened.
//!
//! `oml_prover::delivery` says what a sealed copy is; here are the steps that the chain decides.

mod accept;
mod fetch;
mod key_file;
mod open;
mod release;
mod seal;

pub use accept::{AcceptedCopy, accept, reject};
pub use fetch::fetch;
pub use key_file::{buyers_key, encryption_key, load_encryption_key};
pub use open::{OpenedCopy, open};
pub use release::{DeliveredKey, deliver, release_fee};
pub use seal::{SealedDelivery, seal};

pub use oml_prover::delivery::FetchedCopy;

use crate::error::{FailureKind, HintExt, Result};
use crate::files::LicenseFile;
use oml_prover::delivery::{CopyManifest, DeliveryError};
use std::path::Path;

/// The manifest of a sealed copy in `dir`, which must be of `license`.
fn manifest(dir: &Path, license: &LicenseFile) -> Result<CopyManifest> {
    sealed(CopyManifest::load(dir, license.license_id), dir)
}

/// An error about a sealed copy, for people.
fn sealed<T>(result: std::result::Result<T, DeliveryError>, dir: &Path) -> Result<T> {
    let hint = match &result {
        Err(DeliveryError::Damaged(_) | DeliveryError::Length { .. }) => {
            "fetch it again with `oml license fetch`, which goes on behind what is right"
        }
        Err(DeliveryError::OtherLicense { .. }) => "name the license that the copy was sealed for",
        Err(DeliveryError::Secret(_)) => {
            "give the key file that `oml license acquire` wrote for this license"
        }
        Err(DeliveryError::Exists(_)) => "nothing is overwritten; name another place",
        Err(DeliveryError::InUse(_)) => "let the other process end, then run the command again",
        Err(error) if error.is_owners_fault() => {
            "the owner sealed it so: `oml license reject` brings half of the fee back in the trial"
        }
        _ => "the cause names the file",
    };
    result.hint(
        format!("the sealed copy in {} can't be used", dir.display()),
        hint,
        FailureKind::Failed,
    )
}
