//! Why a host signs no receipts.

use std::path::{Path, PathBuf};

use super::record::HistoryProblem;

/// Why no number can be given.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The files do not belong to this machine's newest signatures.
    #[error(
        "signing history {}: {problem}. Receipts could get numbers that were given before, which \
         costs the collateral, so key {signer} of epoch {epoch} signs nothing here: name another \
         with `oml host keys rotate`, whose numbers begin anew",
        history.display()
    )]
    Refused {
        /// File in the data directory.
        history: PathBuf,
        /// Account of the key that is not used.
        signer: oml_contracts::EthAddress,
        /// Epoch of that key.
        epoch: u32,
        /// What is wrong.
        problem: HistoryProblem,
    },
    /// Another process has the key.
    #[error(
        "another process signs with this key (lock {}); stop it, or give this one another license",
        lock.display()
    )]
    InUse {
        /// The file that it holds.
        lock: PathBuf,
    },
    /// A file can't be read or written.
    #[error("signing history {}: {source}; no receipt is signed without it", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error(
        "signing history {}: {source}; it was damaged or edited, so name another key with \
         `oml host keys rotate`",
        path.display()
    )]
    Damaged {
        /// The file that is damaged.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Nobody has said where boot marks are to be kept.
    #[error(
        "no place for boot marks: set host.boot_marks to a folder of this machine that is in no \
         backup, or HOME"
    )]
    NoMarksPlace,
    /// All numbers are given.
    #[error("epoch {0} has no numbers left; name another key with `oml host keys rotate`")]
    Exhausted(u32),
}

impl HistoryError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}
