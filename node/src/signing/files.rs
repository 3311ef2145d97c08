//! The two files of a signing history, and the lock that keeps a second process out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::error::HistoryError;
use super::record::{NumberRecord, NumberedKey};
use crate::config::HostConfig;

/// Folder of this machine's boot marks: outside of the data directory, of its copies and backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BootMarks(PathBuf);

impl BootMarks {
    /// The configured folder, else `oml/boot-marks` among what programs keep for this machine
    /// (XDG base directories: `$XDG_STATE_HOME`, `~/.local/state`).
    ///
    /// # Errors
    /// [`HistoryError::NoMarksPlace`] if neither is known.
    pub(super) fn of(config: &HostConfig) -> Result<Self, HistoryError> {
        if let Some(path) = &config.boot_marks {
            return Ok(Self(path.clone()));
        }
        let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let state = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")));
        let state = state.ok_or(HistoryError::NoMarksPlace)?;
        Ok(Self(state.join("oml").join("boot-marks")))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    #[cfg(test)]
    pub(super) const fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

/// Where the numbers of one key are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HistoryPlace {
    /// In the data directory.
    pub(super) history: PathBuf,
    /// On this machine alone.
    pub(super) mark: PathBuf,
    lock: PathBuf,
}

impl HistoryPlace {
    /// The files of a key; several licenses and epochs share the folders.
    #[must_use]
    pub(super) fn of(histories: &Path, marks: &BootMarks, key: &NumberedKey) -> Self {
        let name = format!("{}-{}", key.license, key.key_epoch);
        Self {
            history: histories.join(format!("{name}.json")),
            mark: marks.0.join(format!("{name}.json")),
            lock: marks.0.join(format!("{name}.lock")),
        }
    }

    /// What both files say.
    ///
    /// # Errors
    /// [`HistoryError`] if a file can't be read.
    pub(super) fn read(&self) -> Result<[Option<NumberRecord>; 2], HistoryError> {
        Ok([read(&self.history)?, read(&self.mark)?])
    }

    /// Keeps other processes of this machine from the key; ends with the file, or the process.
    pub(super) fn lock(&self) -> Result<File, HistoryError> {
        let io = |source| HistoryError::io(&self.lock, source);
        for path in [&self.history, &self.lock] {
            let folder = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder).map_err(|source| HistoryError::io(folder, source))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&self.lock).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(HistoryError::InUse { lock: self.lock.clone() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

fn read(path: &Path) -> Result<Option<NumberRecord>, HistoryError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(HistoryError::io(path, source)),
    };
    let damaged = |source| HistoryError::Damaged { path: path.to_owned(), source };
    serde_json::from_str(&text).map(Some).map_err(damaged)
}

/// Replaces a file so that after a crash it is the old one or the new one, whole, and on disk when
/// this returns.
pub(super) fn write(path: &Path, record: &NumberRecord) -> Result<(), HistoryError> {
    let io = |source| HistoryError::io(path, source);
    let fresh = path.with_extension("tmp");
    let mut file = File::create(&fresh).map_err(io)?;
    let mut text = serde_json::to_vec_pretty(record).map_err(|e| io(e.into()))?;
    text.push(b'\n');
    file.write_all(&text).map_err(io)?;
    file.sync_all().map_err(io)?;
    std::fs::rename(&fresh, path).map_err(io)?;
    // The new name is on disk only with its folder.
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}
