//! What can go wrong while fingerprints are made.

use oml_contracts::leaf::LeafTagsError;

use oml_engine::ModelError;

/// Failure to make keys or candidates.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A text cannot serve as a key.
    #[error("key {text:?}: {fault}")]
    Key {
        /// The text that was proposed.
        text: String,
        /// The rule that it breaks, after "key …:".
        fault: String,
    },
    /// The source of keys ran dry.
    #[error(
        "only {found} of {wanted} usable keys after {attempts} attempts; raise the temperature or \
         the key length, or give more texts"
    )]
    KeysExhausted {
        /// Usable keys found.
        found: usize,
        /// Keys asked for.
        wanted: usize,
        /// Texts that were tried.
        attempts: usize,
    },
    /// The vocabulary has too few valid responses to a key.
    #[error("key {key:?} has only {found} valid candidate responses; {fault}")]
    TooFewCandidates {
        /// Text of the key.
        key: String,
        /// Valid candidates that were found, fewer than 16.
        found: usize,
        /// What stood in the way.
        fault: String,
    },
    /// Responses do not make up a set of candidates.
    #[error("these are no 16 candidates: {fault}")]
    Candidates {
        /// The rule that is broken, and by what.
        fault: String,
    },
    /// Two of the words have one tag, or a word has the tag of "no answer".
    #[error("these are no 16 candidates: {0}")]
    Tags(#[from] LeafTagsError),
    /// A setting is out of range.
    #[error("{name} = {value}: {requirement}")]
    Option {
        /// Name of the setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// What is allowed.
        requirement: &'static str,
    },
}
