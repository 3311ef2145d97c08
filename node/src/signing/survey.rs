//! What a node's signing histories look like, for people.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use oml_contracts::{EthAddress, LicenseId};
use serde::Serialize;

use super::error::HistoryError;
use super::files::{BootMarks, HistoryPlace};
use super::record::{NumberedKey, least_free};
use crate::config::HostConfig;

/// The history of one key, and whether a node would go on from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryState {
    /// License under which is served.
    pub license: LicenseId,
    /// Epoch of the serving key.
    pub key_epoch: u32,
    /// Account of the key, as the history or else the mark names it.
    pub signer: Option<EthAddress>,
    /// File in the data directory.
    pub history: PathBuf,
    /// File of this machine.
    pub mark: PathBuf,
    /// The next number is at least this; none if no number is given.
    pub next: Option<u64>,
    /// Why no number is given.
    pub problem: Option<String>,
}

/// Every history of a host's licenses, by license and epoch. Nothing is locked or changed.
///
/// # Errors
/// [`HistoryError`] if a folder can't be read.
pub fn survey(host: &HostConfig) -> Result<Vec<HistoryState>, HistoryError> {
    let marks = BootMarks::of(host)?;
    let mut found = Vec::new();
    let licenses: BTreeSet<LicenseId> = host.gateways.iter().map(|g| g.license).collect();
    for license in licenses {
        let mut epochs = epochs(&host.signing_history, license)?;
        epochs.extend(self::epochs(marks.folder(), license)?);
        for epoch in epochs {
            found.push(state(&host.signing_history, &marks, license, epoch)?);
        }
    }
    Ok(found)
}

/// Epochs of a license that have a file in a folder.
fn epochs(folder: &Path, license: LicenseId) -> Result<BTreeSet<u32>, HistoryError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(source) => return Err(HistoryError::io(folder, source)),
    };
    let prefix = format!("{license}-");
    let mut found = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(|source| HistoryError::io(folder, source))?.file_name();
        let name = name.to_string_lossy();
        let epoch = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".json"));
        found.extend(epoch.and_then(|epoch| epoch.parse::<u32>().ok()));
    }
    Ok(found)
}

fn state(
    histories: &Path,
    marks: &BootMarks,
    license: LicenseId,
    key_epoch: u32,
) -> Result<HistoryState, HistoryError> {
    let unnamed = NumberedKey { license, key_epoch, signer: EthAddress::ZERO };
    let place = HistoryPlace::of(histories, marks, &unnamed);
    let judged = match place.read() {
        Ok([history, mark]) => {
            let key = history.or(mark).map_or(unnamed, |record| record.key);
            let least = least_free(&key, history.as_ref(), mark.as_ref());
            (Some(key.signer), least.map_err(|problem| problem.to_string()))
        }
        Err(error @ HistoryError::Damaged { .. }) => (None, Err(error.to_string())),
        Err(error) => return Err(error),
    };
    let (signer, least) = judged;
    let HistoryPlace { history, mark, .. } = place;
    let (next, problem) = (least.as_ref().ok().copied(), least.err());
    Ok(HistoryState { license, key_epoch, signer, history, mark, next, problem })
}
