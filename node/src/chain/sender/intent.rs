//! What is to get onto the chain, and where it stands.

use super::account::AccountError;
use crate::chain::error::ChainError;
use crate::store::{IntentRow, IntentState, StoreError};
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolCall;

/// A transaction that the node means to get onto the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Idempotency key, unique for ever in this node, such as `license/0x…/draw/7`.
    pub key: String,
    /// Contract that is called.
    pub to: Address,
    /// What the contract is called with.
    pub calldata: Bytes,
    /// Native value in wei.
    pub value: U256,
    /// For people: logs, API, CLI.
    pub describe: String,
    /// Chain time (unix seconds) after which it is useless: the fee cap rises as it nears, and past
    /// it the intent is dropped.
    pub deadline: Option<u64>,
}

impl Intent {
    /// A call without value and deadline.
    #[must_use]
    pub fn call<C: SolCall>(
        key: impl Into<String>,
        to: Address,
        call: &C,
        describe: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            to,
            calldata: call.abi_encode().into(),
            value: U256::ZERO,
            describe: describe.into(),
            deadline: None,
        }
    }

    /// Sends native currency along.
    #[must_use]
    pub fn with_value(mut self, wei: U256) -> Self {
        self.value = wei;
        self
    }

    /// Sets the deadline.
    #[must_use]
    pub fn with_deadline(mut self, chain_time: u64) -> Self {
        self.deadline = Some(chain_time);
        self
    }
}

/// Where an intent stands, with what a caller needs to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentStatus {
    /// Stored and broadcast, in no block.
    Pending,
    /// In a block that a reorg may still remove.
    Mined {
        /// Hash of its transaction.
        tx_hash: B256,
        /// Number of its block.
        block: u64,
        /// Whether the transaction succeeded there.
        succeeded: bool,
    },
    /// In a final block, and succeeded.
    Done {
        /// Hash of its transaction.
        tx_hash: B256,
        /// Number of its block.
        block: u64,
    },
    /// In a final block, and reverted. Submit under another key to try again.
    Reverted {
        /// Hash of its transaction.
        tx_hash: B256,
        /// Decoded reason, if it could be had.
        reason: String,
    },
    /// Given up. Submit under another key to try again.
    Dropped {
        /// What made it useless.
        reason: String,
    },
}

impl IntentStatus {
    pub(super) fn of(row: &IntentRow) -> Self {
        let reason = || row.error.clone().unwrap_or_else(|| "unknown".to_owned());
        let tx_hash = row.tx_hash.unwrap_or_default();
        let block = row.block.unwrap_or_default();
        match row.state {
            IntentState::Pending => Self::Pending,
            IntentState::Mined => {
                Self::Mined { tx_hash, block, succeeded: row.succeeded == Some(true) }
            }
            IntentState::Done => Self::Done { tx_hash, block },
            IntentState::Reverted => Self::Reverted { tx_hash, reason: reason() },
            IntentState::Dropped => Self::Dropped { reason: reason() },
        }
    }

    /// Whether the transaction is in a block and succeeded, final or not.
    #[must_use]
    pub fn took_effect(&self) -> bool {
        matches!(self, Self::Mined { succeeded: true, .. } | Self::Done { .. })
    }

    /// Whether nothing can change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Reverted { .. } | Self::Dropped { .. })
    }
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The simulation reverted: sending would only cost gas. Nothing is stored; may be submitted
    /// again.
    #[error("{describe} would revert: {revert}")]
    WouldRevert {
        /// What was submitted.
        describe: String,
        /// Name and values of the revert.
        revert: String,
    },
    /// The deadline is past. Nothing is stored.
    #[error("{describe} is too late: its deadline {deadline} is past, the chain's time is {now}")]
    TooLate {
        /// What was submitted.
        describe: String,
        /// Chain time after which it is useless, Unix seconds.
        deadline: u64,
        /// Chain time when it was submitted, Unix seconds.
        now: u64,
    },
    /// The same key was used for other call data.
    #[error("intent key {key:?} is taken by another call ({describe})")]
    KeyTaken {
        /// Key of both calls.
        key: String,
        /// What holds it.
        describe: String,
    },
    /// Another running node sends with this account and store.
    #[error("another node sends as {account}; stop it, or give this one an account of its own")]
    AccountInUse {
        /// Account that both would send from.
        account: String,
    },
    /// The account's key did not sign. May be submitted again.
    #[error("signing failed: {0}")]
    Signing(#[source] AccountError),
    /// No account holds as much as it sends.
    #[error("signing failed: {0} wei is more than any account holds")]
    TooMuch(U256),
    /// The endpoint failed before the intent was stored. May be submitted again.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
