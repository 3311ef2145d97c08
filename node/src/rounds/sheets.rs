//! The sheets of a round: what the events say was sent, held against the contract.

use alloy::sol_types::SolEvent as _;
use oml_contracts::RoundId;
use oml_contracts::rpc::abi::Rounds::SheetSent;
use oml_contracts::rpc::rounds::{SentSheet, chain_of};

use crate::chain::{ChainError, Reader};
use crate::store::{Store, StoreError};

/// Why the sheets of a round are not known now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetsError {
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The contract has another list: events are still to come, or were withheld by the endpoint.
    #[error(
        "the {known} sheets of round {round} that this node has seen are not the {on_chain} that \
         the contract has"
    )]
    Incomplete {
        /// Round that they are of.
        round: RoundId,
        /// How many this node has seen.
        known: usize,
        /// How many the contract has.
        on_chain: u32,
    },
}

/// What the events say was sent, in the order in which it came.
pub(super) async fn sent_sheets(
    store: &Store,
    round: RoundId,
) -> Result<Vec<SentSheet>, StoreError> {
    let rows = store.events_named(round.into(), "SheetSent").await?;
    let decoded = rows.iter().filter_map(|row| {
        let topics = std::iter::once(SheetSent::SIGNATURE_HASH).chain(row.topics.iter().copied());
        SheetSent::decode_raw_log(topics, &row.data).ok()
    });
    Ok(decoded.map(|event| SentSheet::from(&event)).collect())
}

/// All sheets of a round as its contract takes them back: in the order in which they came, and
/// none left out.
pub(super) async fn all_sheets(
    store: &Store,
    reader: &Reader,
    round: RoundId,
) -> Result<Vec<SentSheet>, SheetsError> {
    let sent = sent_sheets(store, round).await?;
    let kept = reader.sheets(round).await?;
    if chain_of(&sent) != kept.chain {
        let (known, on_chain) = (sent.len(), kept.answered.count_ones());
        return Err(SheetsError::Incomplete { round, known, on_chain });
    }
    Ok(sent)
}
