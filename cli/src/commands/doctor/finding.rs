//! What `oml doctor` says of each thing that it looked at.

use crate::output::causes;
use eyre::Result;
use serde::Serialize;
use std::time::Duration;

/// Longest wait for one answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// It works as it should.
    Ok,
    /// Not there, and not needed by everyone.
    Absent,
    /// It works, but costs secrecy or fees.
    Warning,
    /// Does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) part: String,
    /// How it is.
    pub(super) state: State,
    /// What was found, or what is wrong and what to do.
    pub(super) detail: String,
}

impl Finding {
    pub(super) fn ok(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Ok, detail: detail.into() }
    }

    pub(super) fn absent(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Absent, detail: detail.into() }
    }

    pub(super) fn warning(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Warning, detail: detail.into() }
    }

    pub(super) fn broken(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { part: part.into(), state: State::Broken, detail: detail.into() }
    }

    /// From a check that either says what it found or fails with cause and hint.
    pub(super) fn of(part: impl Into<String>, result: Result<String>) -> Self {
        match result {
            Ok(detail) => Self::ok(part, detail),
            Err(report) => {
                let hint =
                    crate::error::find(&report).0.map(|h| format!(" ({h})")).unwrap_or_default();
                let mut said = vec![report.to_string()];
                said.extend(causes(&report));
                Self::broken(part, format!("{}{hint}", said.join(": ")))
            }
        }
    }
}
