//! What can go wrong while a sealed copy is fetched.

use oml_contracts::SealedRoot;

use super::error::DeliveryError;

/// Why a sealed copy could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// What is here can't be used or written, or the copy is sealed to another key.
    #[error(transparent)]
    Copy(#[from] DeliveryError),
    /// No client could be made.
    #[error("no HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// There was no answer.
    #[error("{url} can't be reached: {source}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the network says.
        source: reqwest::Error,
    },
    /// The answer broke off.
    #[error("the answer of {url} broke off: {source}")]
    BrokenOff {
        /// What was asked.
        url: String,
        /// What the network says.
        source: reqwest::Error,
    },
    /// The answer ended before the copy did.
    #[error("{url} sends {at} bytes of {of} and ends")]
    Short {
        /// What was asked.
        url: String,
        /// Bytes that are here and right.
        at: u64,
        /// Bytes of the whole sealed file.
        of: u64,
    },
    /// The answer, or a MiB of it, did not come in time.
    #[error("{url} sends less than 1 MiB in {seconds} s")]
    TooSlow {
        /// What was asked.
        url: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The owner's node refuses.
    #[error("{url} answers {status}")]
    Refused {
        /// What was asked.
        url: String,
        /// Status of the HTTP answer.
        status: u16,
    },
    /// What came is no manifest of this license's copy.
    #[error("{url} sends something that is no manifest of this license's copy")]
    NotAManifest {
        /// What was asked.
        url: String,
    },
    /// The copy is larger than the host allows.
    #[error("the sealed copy has {found} bytes; at most {limit} are taken")]
    TooLarge {
        /// Bytes of the sealed file, as the manifest says.
        found: u64,
        /// Bytes that the host takes.
        limit: u64,
    },
    /// The host has accepted another copy than the owner serves now.
    #[error("the owner serves copy {found}, but {wanted} was accepted")]
    OtherRoot {
        /// Root of what is served.
        found: SealedRoot,
        /// Root of what was accepted.
        wanted: SealedRoot,
    },
    /// A chunk came that is not the one of the manifest.
    #[error("chunk {chunk} does not fit the manifest")]
    Misfit {
        /// Number of the chunk.
        chunk: u64,
    },
}
