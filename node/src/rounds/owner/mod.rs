//! The owner's part in a round: words, seals, keys for every seat, and the opening.

mod delivery;
mod duty;
mod opening;
mod seals;
mod steps;
mod universe;
mod universe_file;

use std::collections::BTreeMap;
use std::sync::Arc;

use oml_contracts::ModelId;

use super::access::AccessError;
use super::hand_out::HandOutError;
use super::sheets::SheetsError;
use crate::chain::{ChainError, SubmitError};
use crate::store::StoreError;

pub use super::hand_out::TestedDeployment;
pub use delivery::{HandOutHandler, InboxReach};
pub use duty::OwnerDuty;
pub use universe::OpenableUniverse;
use universe::{BundleError, UniverseMismatch};
pub(crate) use universe_file::load as load_universe;

/// Universes whose secrets the node holds.
pub type Universes = BTreeMap<(ModelId, u32), Arc<OpenableUniverse>>;

/// Why the owner can't take a step now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transaction could not be submitted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The universe is not the committed one.
    #[error(transparent)]
    Universe(#[from] UniverseMismatch),
    /// A drawn bundle is not held.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// What an order says of access is unusable.
    #[error("a seal order: {0}")]
    Access(#[from] AccessError),
    /// Something could not be handed out.
    #[error(transparent)]
    HandOut(Box<dyn std::error::Error + Send + Sync>),
    /// The account of a word signs nothing.
    #[error("the account of a word could not sign a seal")]
    Sign(#[from] oml_contracts::eip712::SignatureError),
    /// What the seats have sent is not known.
    #[error(transparent)]
    Sheets(#[from] SheetsError),
    /// This node does not hold the secrets that the round draws from.
    #[error("universe {epoch} of model {model} is not held here; add it to owner.universes")]
    NoUniverse {
        /// Model of the license.
        model: ModelId,
        /// Universe of the license.
        epoch: u32,
    },
    /// Nobody knows any more what a round was sealed for.
    #[error(
        "nothing here says which deployment round {0} was sealed for; its seal order is lost, and none of the license's registered deployments fits"
    )]
    UnknownDeployment(oml_contracts::RoundId),
    /// All words have sealed.
    #[error("license {0} has no word left: each kind of round can be sealed 64 times")]
    NoWord(oml_contracts::LicenseId),
    /// Something does not fit into a call.
    #[error(transparent)]
    Convert(#[from] oml_contracts::rpc::ConvertError),
}

impl From<HandOutError> for OwnerError {
    fn from(error: HandOutError) -> Self {
        Self::HandOut(Box::new(error))
    }
}
