//! Why a universe file can't be read or written.

use std::io;
use std::path::PathBuf;

use oml_contracts::Root;
use oml_contracts::draw::PartsError;

use super::super::universe::UniverseError;

/// Version of the files that this program writes, and the only one that it reads.
pub(super) const VERSION: u16 = 1;

/// A universe file that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum UniverseFileError {
    /// The file can't be opened, made or moved to its place.
    #[error("can't access the universe file {}", path.display())]
    Access {
        /// The universe file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading or writing failed on the way.
    #[error("reading or writing the universe failed")]
    Io(#[from] io::Error),
    /// Something else than a universe.
    #[error("this is no universe file: it does not start with \"OMLU\"")]
    NotAUniverse,
    /// Written by a newer program.
    #[error("universe file of version {0}, this program reads version {VERSION}; use a newer one")]
    Version(u16),
    /// The file was written with the other kind of secret.
    #[error("this universe file needs a {needed}")]
    WrongKind {
        /// `passphrase` or `key file`.
        needed: &'static str,
    },
    /// Parameters of the header make no sense.
    #[error("the header of the universe file is damaged: scrypt log N = {log_n}, r = {r}, p = {p}")]
    Kdf {
        /// Binary logarithm of the cost.
        log_n: u8,
        /// Block size of scrypt, at most 16.
        r: u32,
        /// Parallelism of scrypt, at most 16.
        p: u32,
    },
    /// Wrong secret, or damage.
    #[error(
        "chunk {chunk} of the universe file can't be opened: wrong passphrase or key, or the file \
         is damaged"
    )]
    Sealed {
        /// Number of the chunk, from 0.
        chunk: u32,
    },
    /// The content is not what this version writes.
    #[error("line {line} of the universe can't be read")]
    Content {
        /// Number of the line, from 0.
        line: usize,
        /// What the JSON reader stumbled over.
        source: serde_json::Error,
    },
    /// Part sizes are impossible.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The entries are no universe.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// The entries hash to another root than the header names.
    #[error("the universe's root is {found}, the file says {expected}; it is damaged")]
    Root {
        /// Root of the entries.
        found: Root,
        /// Root of the header.
        expected: Root,
    },
}
