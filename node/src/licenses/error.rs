//! What can keep an owner's node from looking after licenses.

use crate::chain::{ChainError, SubmitError};
use crate::store::StoreError;

/// Why a license could not be looked after now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LicenseError {
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transaction could not be submitted.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// Something does not fit into a call.
    #[error(transparent)]
    Convert(#[from] oml_contracts::rpc::ConvertError),
}
