//! What can be wrong with a sealed copy.

use std::io;
use std::path::PathBuf;

use oml_contracts::LicenseId;

use crate::chunk_cipher::ChunkError;
use crate::sealed_box::SealError;

/// Why a copy could not be sealed, checked or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is something where the result would go; nothing is overwritten.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// Another process fetches or opens the same copy.
    #[error("{0} is in use: another process fetches or opens this copy")]
    InUse(PathBuf),
    /// The copy's folder holds no file.
    #[error("{0} holds no file to deliver")]
    Empty(PathBuf),
    /// Neither a file nor a folder, or a name that is not UTF-8.
    #[error("{0} is neither a file nor a folder with a name in UTF-8")]
    Unusual(PathBuf),
    /// Not a manifest, or another version of it.
    #[error("{0} is not the manifest of a sealed copy, version 1")]
    NotAManifest(PathBuf),
    /// Sealed for another license.
    #[error("the copy is sealed for license {found}, not {wanted}")]
    OtherLicense {
        /// Whose it is.
        found: LicenseId,
        /// Whose it should be.
        wanted: LicenseId,
    },
    /// The sealed file has another length than the manifest says.
    #[error("{path} has {found} bytes; its manifest says {wanted}")]
    Length {
        /// The sealed file.
        path: PathBuf,
        /// How many bytes the file has.
        found: u64,
        /// How many bytes it should have.
        wanted: u64,
    },
    /// A chunk is not the one of the manifest.
    #[error("chunk {0} of the sealed copy is damaged")]
    Damaged(u64),
    /// The key is not the one of the manifest.
    #[error("the key is not the one that this copy is sealed with")]
    OtherKey,
    /// Its secret is sealed to another key than the host's, or that key is unusable.
    #[error("the copy's secret: {0}")]
    Secret(#[from] SealError),
    /// A chunk fits its hash but not its key: whoever sealed it made it so.
    #[error("the sealed copy does not open with its key: {0}")]
    Unreadable(String),
    /// The stream inside names a file that lies outside of the copy, or twice, or is none.
    #[error("the copy holds {0:?}, which is no file inside of it, or is there twice")]
    OutsideFile(String),
}

impl DeliveryError {
    /// Whether a copy that fits its manifest does not open because its owner sealed it so.
    #[must_use]
    pub const fn is_owners_fault(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::OutsideFile(_) | Self::Empty(_))
    }

    /// For `map_err` on what was done to `path`.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// An error of reading the stream inside: a chunk that does not open travels through `Read`.
    pub(super) fn inside(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| {
            let chunk = source.get_ref().and_then(|inner| inner.downcast_ref::<ChunkError>());
            match chunk {
                Some(error) => Self::Unreadable(error.to_string()),
                None if source.kind() == io::ErrorKind::Other => {
                    Self::Unreadable(source.to_string())
                }
                None => Self::Io { path, source },
            }
        }
    }
}
