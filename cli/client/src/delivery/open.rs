//! The host opens its copy with the key that the owner put on chain.

use crate::beacon::Patience;
use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::license;
use crate::progress::Progress;
use oml_contracts::LicenseId;
use oml_prover::delivery::open_copy;
use oml_prover::sealed_box::EncryptionKey;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An opened copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedCopy {
    /// License whose answers it carries.
    pub license_id: LicenseId,
    /// Where it is.
    pub dir: PathBuf,
    /// Until when the host can reject it, Unix seconds; 0 if there is no trial.
    pub trial_end: u64,
}

/// Waits for the key, at most `wait`, and opens the sealed copy in the first folder of `place` into
/// the second.
///
/// # Errors
/// The key does not come in time, the copy does not open with it, `out` exists, a full disk.
pub async fn open(
    chain: &Chain,
    license: &LicenseFile,
    key: &EncryptionKey,
    place: (&Path, &Path),
    wait: Duration,
    progress: &dyn Progress,
) -> Result<OpenedCopy> {
    let id = license.license_id;
    let (sealed, out) = place;
    let manifest = super::manifest(sealed, license)?;
    let patience = Patience::of(wait);
    let kept = loop {
        let kept = license::kept(chain, id).await?;
        if kept.delivered_key().is_some() || patience.is_over() {
            break kept;
        }
        patience.pause().await;
    };
    let Some(copy_key) = kept.delivered_key() else {
        return Err(fail(
            format!("license {id} is {}: the key of its copy is not on chain", kept.status()),
            "the owner has until the deadline of `oml license show`; after it `oml license cancel` \
             brings everything back",
            FailureKind::Timeout,
        ));
    };
    let bar = progress.bar(manifest.sealed_length(), "opening");
    let mut read = 0;
    let opened = open_copy(&manifest, sealed, &copy_key, key, out, &mut |bytes| {
        read += bytes;
        bar.at(read);
    });
    bar.finish();
    super::sealed(opened, sealed)?;
    Ok(OpenedCopy { license_id: id, dir: out.to_owned(), trial_end: kept.trial_end })
}
