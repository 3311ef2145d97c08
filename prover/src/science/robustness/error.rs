//! What can go wrong while robustness is measured.

use crate::check::{AnswerBetError, RankError};
use crate::embed::EmbedError;
use crate::fingerprint::{FingerprintError, UniverseError};
use oml_engine::ModelError;

/// Failure to measure robustness.
#[derive(Debug, thiserror::Error)]
pub enum RobustnessError {
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No fingerprints could be made.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// No universe could be made.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// The answers could not be embedded.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// A rank test that bounds no error.
    #[error(transparent)]
    Rank(#[from] RankError),
    /// A test of answers that bounds no error.
    #[error(transparent)]
    Several(#[from] AnswerBetError),
    /// An attack that can't be read or has a value out of range.
    #[error("attack {text:?}: {fault}")]
    Attack {
        /// The attack as it was given.
        text: String,
        /// What is wrong, and what is allowed.
        fault: String,
    },
    /// The number of keys does not make up whole bundles.
    #[error("{0} keys are no universe; give a multiple of 16 above 0")]
    Keys(u32),
    /// Copy and base are of different shapes.
    #[error(
        "tensor `{name}` of the copy has {copy} values, the base has {base}; they are not of one \
         model"
    )]
    OtherModel {
        /// Name of the tensor in the weights.
        name: String,
        /// Values of the copy.
        copy: usize,
        /// Values of the base.
        base: usize,
    },
}
