//! Fingerprints: keys, candidate answers and how they are drawn.

mod candidates;
mod error;
mod generation;
mod keys;
mod perinucleus;

pub use candidates::{Candidate, Candidates};
pub use error::FingerprintError;
pub use generation::{DroppedKey, Fingerprint, FingerprintOptions, Fingerprints, generate_fingerprints};
pub use keys::{Key, KeyGenerator, KeyOptions, KeySource};
pub use oml_contracts::leaf::CANDIDATES;
pub use oml_contracts::tag::{normalise, tag_of};
pub use perinucleus::{Perinucleus, perinucleus};
