//! The long work on one copy: fetching, checking, opening. It reads and writes gigabytes, so it has
//! a thread of its own, which ends with the process: every file is whole or not there, and what was
//! broken off is taken up again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use oml_contracts::{CopyKey, LicenseId, SealedRoot};
use oml_prover::delivery::{
    CopyManifest, CopyToFetch, DeliveryError, FetchError, FetchProgress, KnownManifest, fetch_copy,
    open_copy,
};

use super::super::key_step::CopyName;
use super::keys::copy_keys;

/// Name of the opened copy in the folder of a license.
const OPENED: &str = "copy";

/// What is to be done for one copy.
#[derive(Clone, Debug)]
pub(super) struct CopyWork {
    /// License whose copy it is.
    pub(super) license: LicenseId,
    /// Base URL of the owner's node.
    pub(super) url: String,
    /// Folder of the sealed copy.
    pub(super) dir: PathBuf,
    /// Folder of the host's secret keys.
    pub(super) copy_keys: PathBuf,
    /// Largest sealed file that is taken, in bytes.
    pub(super) max_bytes: u64,
    /// The only copy that may come, if one was accepted.
    pub(super) root: Option<SealedRoot>,
    /// Whether the owner is asked for its manifest once more.
    pub(super) known_manifest: KnownManifest,
    /// Time for the owner's answer and for each MiB of it.
    pub(super) patience: Duration,
    /// Key with which the copy is opened; it is only fetched and checked without.
    pub(super) key: Option<CopyKey>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WorkOutcome {
    /// The copy is here, and every byte of it fits.
    Checked(CopyName),
    /// It is opened.
    Opened(CopyName),
    /// It fits and does not open, and its owner made it so.
    Rubbish {
        /// What is wrong with it.
        problem: String,
    },
    /// It failed; trying again may help.
    Failed {
        /// Why it failed.
        problem: String,
    },
    /// The node stops, or nobody needs it any more.
    Stopped,
}

/// Where the opened copy of the license with this folder is.
pub(super) fn opened_folder(dir: &Path) -> PathBuf {
    dir.join(OPENED)
}

/// Why the work failed.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Copy(#[from] DeliveryError),
    #[error("folder of keys {}: {source}", path.display())]
    Keys { path: PathBuf, source: std::io::Error },
}

/// Does the work. Nothing of it is lost if it is dropped half way.
pub(super) async fn work(order: &CopyWork, report: impl FnMut(FetchProgress)) -> WorkOutcome {
    match try_work(order, report).await {
        Ok(outcome) => outcome,
        Err(WorkError::Copy(error)) if error.is_owners_fault() => {
            WorkOutcome::Rubbish { problem: error.to_string() }
        }
        Err(error) => WorkOutcome::Failed { problem: error.to_string() },
    }
}

async fn try_work(
    order: &CopyWork,
    report: impl FnMut(FetchProgress),
) -> Result<WorkOutcome, WorkError> {
    let keys = copy_keys(&order.copy_keys)
        .map_err(|source| WorkError::Keys { path: order.copy_keys.clone(), source })?;
    let fetch = CopyToFetch {
        url: &order.url,
        license: order.license,
        keys: &keys,
        dir: &order.dir,
        max_bytes: order.max_bytes,
        root: order.root,
        known_manifest: order.known_manifest,
        patience: order.patience,
    };
    let fetched = fetch_copy(&fetch, report).await?;
    metrics::counter!("oml_copy_fetched_bytes_total")
        .increment(fetched.bytes.saturating_sub(fetched.resumed_at));
    let manifest = CopyManifest::load(&order.dir, order.license)?;
    let name = CopyName::of(&manifest);
    let Some(key) = order.key else { return Ok(WorkOutcome::Checked(name)) };
    let host = manifest.recipient(&keys)?;
    match open_copy(&manifest, &order.dir, &key, host, &opened_folder(&order.dir), &mut |_| ()) {
        Ok(()) | Err(DeliveryError::Exists(_)) => Ok(WorkOutcome::Opened(name)),
        Err(error) => Err(error.into()),
    }
}
