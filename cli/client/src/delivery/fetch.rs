//! The host fetches its sealed copy from the owner's node; a download that was broken off goes on.

use crate::error::{FailureKind, HintExt, Result};
use crate::files::LicenseFile;
use crate::progress::{Progress, ProgressBar};
use oml_prover::delivery::{
    CopyToFetch, FETCH_PATIENCE, FetchError, FetchedCopy, KnownManifest, fetch_copy,
};
use oml_prover::sealed_box::EncryptionKey;
use std::path::Path;
use std::slice;

/// Fetches the sealed copy of `license` from the owner's node at `url` into `dir`.
///
/// # Errors
/// The node can't be reached or has no such copy, the copy is sealed to another key, what comes
/// does not fit the manifest, a full disk. What is right of it stays, and the same command goes on.
pub async fn fetch(
    url: &str,
    license: &LicenseFile,
    key: &EncryptionKey,
    dir: &Path,
    progress: &dyn Progress,
) -> Result<FetchedCopy> {
    let order = CopyToFetch {
        url,
        license: license.license_id,
        keys: slice::from_ref(key),
        dir,
        max_bytes: u64::MAX,
        root: None,
        known_manifest: KnownManifest::Keep,
        patience: FETCH_PATIENCE,
    };
    let mut bar: Option<Box<dyn ProgressBar>> = None;
    let fetched = fetch_copy(&order, |now| {
        bar.get_or_insert_with(|| progress.bar(now.of, "fetching")).at(now.at);
    })
    .await;
    if let Some(bar) = bar {
        bar.finish();
    }
    match fetched {
        Ok(fetched) => Ok(fetched),
        Err(FetchError::Copy(error)) => super::sealed(Err(error), dir),
        Err(error) => {
            let (hint, kind) = advice(&error);
            Err(error).hint("the sealed copy could not be fetched", hint, kind)
        }
    }
}

fn advice(error: &FetchError) -> (&'static str, FailureKind) {
    use FailureKind::{Failed, Network};
    match error {
        FetchError::Refused { status: 404, .. } => {
            ("the owner has not sealed this license's copy yet; try later", Network)
        }
        FetchError::Refused { status: 401 | 403, .. } => {
            ("the manifest is of another sealing; remove the folder and fetch again", Network)
        }
        FetchError::Refused { status: 429 | 503, .. } => ("try again in a while", Network),
        FetchError::Refused { status: 300..=399, .. } => {
            ("name the base URL to which it redirects", Network)
        }
        FetchError::Refused { .. } => ("ask the owner", Network),
        FetchError::Unreachable { .. } => ("name the base URL of the owner's node", Network),
        FetchError::NotAManifest { .. } => ("name the base URL of the owner's node", Failed),
        FetchError::Misfit { .. } => {
            ("run the same command again; if it fails there again, ask the owner", Failed)
        }
        FetchError::TooLarge { .. } | FetchError::OtherRoot { .. } => ("ask the owner", Failed),
        _ => ("run the same command again; it goes on behind what is right", Network),
    }
}
