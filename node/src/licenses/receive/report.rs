//! How far each copy is, for the API, the log and the metrics.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oml_contracts::{LicenseId, SealedRoot};
use oml_prover::delivery::FetchProgress;
use serde::Serialize;

use super::step::ReceiveStep;
use crate::metrics::as_f64;

/// How far the copy of one license is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::licenses) struct CopyReport {
    /// A word for programs, such as `awaits-key`.
    pub(super) state: &'static str,
    /// A sentence for people: what is done, or who must do what.
    pub(super) says: String,
    /// The opened copy if it is opened, else the folder of the sealed one.
    pub(super) folder: PathBuf,
    /// Root of the copy that is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sealed_root: Option<SealedRoot>,
    /// Bytes of the sealed file that are here and right, while it is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fetched: Option<u64>,
    /// Bytes of the whole sealed file, while it is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    /// Why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// How far all copies are. Clones share one table.
#[derive(Clone, Debug, Default)]
pub(in crate::licenses) struct CopyReports(Arc<Mutex<BTreeMap<LicenseId, CopyReport>>>);

impl CopyReports {
    /// How far a license's copy is; `None` if this node does not receive it.
    pub(in crate::licenses) fn of(&self, license: LicenseId) -> Option<CopyReport> {
        self.lock().get(&license).cloned()
    }

    /// Takes what is known now; what was fetched stays. Says in the log what has changed.
    pub(super) fn put(&self, license: LicenseId, step: &ReceiveStep, mut report: CopyReport) {
        let mut reports = self.lock();
        let before = reports.get(&license);
        if matches!(step, ReceiveStep::Fetch { .. }) {
            report.fetched = before.and_then(|before| before.fetched);
            report.bytes = before.and_then(|before| before.bytes);
        }
        if before.is_none_or(|before| before.state != report.state) {
            let (says, folder) = (report.says.as_str(), report.folder.display());
            if step.needs_a_person() {
                tracing::warn!(%license, %folder, "copy {}: {says}", report.state);
            } else {
                tracing::info!(%license, %folder, "copy {}: {says}", report.state);
            }
        }
        reports.insert(license, report);
        let mut counts: BTreeMap<&str, u64> =
            ReceiveStep::STATES.iter().map(|state| (*state, 0)).collect();
        for report in reports.values() {
            *counts.entry(report.state).or_default() += 1;
        }
        drop(reports);
        for (state, count) in counts {
            metrics::gauge!("oml_copies", "state" => state.to_owned()).set(as_f64(count));
        }
    }

    /// Takes how far a fetch is.
    pub(super) fn progress(&self, license: LicenseId, now: FetchProgress) {
        if let Some(report) = self.lock().get_mut(&license) {
            (report.fetched, report.bytes) = (Some(now.at), Some(now.of));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LicenseId, CopyReport>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
