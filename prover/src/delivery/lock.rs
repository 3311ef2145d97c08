//! One process at a time works on a sealed copy.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::error::DeliveryError;

/// Keeps other processes, and other tasks of this one, from the sealed file at `path` as long as
/// `file` is open.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), DeliveryError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => DeliveryError::InUse(path.to_owned()),
        TryLockError::Error(source) => DeliveryError::at(path)(source),
    })
}
