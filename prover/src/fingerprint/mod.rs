//! Fingerprints: keys, candidate answers and how they are drawn.

mod answer_set;
mod candidates;
mod draw;
mod error;
mod generation;
mod keys;
mod leaves;
mod pairs;
mod perinucleus;
mod sealed;
mod secret;
mod universe;
mod visibility;

pub use answer_set::{AnswerSet, AnswersPerKey, AnswersPerKeyError};
pub use candidates::{Candidate, Candidates};
pub use draw::{Answer, LicenseDraw};
pub use error::FingerprintError;
pub use generation::{
    DroppedKey, Fingerprint, FingerprintOptions, Fingerprints, generate_fingerprints,
};
pub use keys::{Key, KeyGenerator, KeyOptions, KeySource};
pub use pairs::{
    KeySelection, ListedPair, Pair, PairList, PairsError, PairsForm, SkipReason, SkippedEntry,
    SkippedGroup, distinct, group_skipped, read_pairs, select_keys, write_pairs,
};
pub use perinucleus::{Perinucleus, perinucleus};
pub use sealed::UniverseFileError;
pub use secret::{SecretError, SecretText, WrapKey};
pub use universe::{Entry, Universe, UniverseError};
pub use visibility::{LogPerplexities, Visibility, key_visibility, visibility};

#[cfg(test)]
pub(crate) use universe::tests::universe as test_universe;
