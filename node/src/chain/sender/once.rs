//! Hands intents to the sender: once per step, and again under a new key where the first one
//! failed.

use oml_contracts::rpc::ConvertError;

use super::intent::{Intent, IntentStatus, SenderError};
use super::submit::Sender;
use crate::store::StoreError;

/// Transactions that are tried for one step before it is left to a person.
const MAX_TRIES: u32 = 5;

/// What became of a step that is still needed by the chain's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Submitted {
    /// A transaction was stored and sent.
    Sent {
        /// Key of the intent.
        key: String,
    },
    /// A transaction for it is under way or mined.
    UnderWay,
    /// It would revert now, for example because somebody else was faster.
    NotNow {
        /// Name and values of the revert.
        reason: String,
    },
    /// Every try was mined and reverted, or was dropped.
    GivenUp {
        /// Why the last one failed.
        reason: String,
    },
}

/// Why a step could not be submitted. May be tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The sender failed.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The call can't be encoded.
    #[error(transparent)]
    Convert(#[from] ConvertError),
}

/// Submits the intent that `make` builds for a key, unless one is under way.
///
/// # Errors
/// [`SubmitError`].
pub(crate) async fn submit_once(
    sender: &Sender,
    base: &str,
    deadline: Option<u64>,
    make: impl Fn(&str) -> Result<Intent, ConvertError>,
) -> Result<Submitted, SubmitError> {
    let mut last = String::new();
    for attempt in 0..MAX_TRIES {
        let key = key_of_attempt(base, attempt);
        match sender.status(&key).await? {
            Some(IntentStatus::Reverted { reason, .. } | IntentStatus::Dropped { reason }) => {
                last = reason;
            }
            // A deadline may be nearer than finality, so a revert counts as soon as it is mined.
            Some(IntentStatus::Mined { succeeded: false, tx_hash, .. }) => {
                last = format!("transaction {tx_hash} was mined and reverted");
            }
            Some(_) => return Ok(Submitted::UnderWay),
            None => {
                let mut intent = make(&key)?;
                intent.deadline = deadline;
                match sender.submit(intent).await {
                    Ok(_) => return Ok(Submitted::Sent { key }),
                    Err(
                        error @ (SenderError::WouldRevert { .. } | SenderError::TooLate { .. }),
                    ) => {
                        return Ok(Submitted::NotNow { reason: error.to_string() });
                    }
                    // The same step before a reorg, with other data.
                    Err(error @ SenderError::KeyTaken { .. }) => last = error.to_string(),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(Submitted::GivenUp { reason: last })
}

fn key_of_attempt(base: &str, attempt: u32) -> String {
    if attempt == 0 { base.to_owned() } else { format!("{base}#{attempt}") }
}
