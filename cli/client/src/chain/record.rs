//! What sending a transaction leaves behind.

use alloy::primitives::{Address, B256, Bytes, Log, U256};
use alloy::rpc::types::TransactionReceipt;
use alloy::sol_types::SolEvent;
use serde::Serialize;

/// What a sent or simulated transaction did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TxRecord {
    /// What it was for, in words.
    pub step: String,
    /// Account that sent it.
    pub from: Address,
    /// Contract that it called.
    pub to: Address,
    /// Hash; none for a dry run.
    pub hash: Option<B256>,
    /// Gas used, or estimated for a dry run; 0 where not even that was possible.
    pub gas: u64,
    /// Price paid per gas, in wei.
    pub gas_price: u128,
    /// Block that holds it; none for a dry run.
    pub block: Option<u64>,
    /// Native value sent along, in wei.
    pub value: U256,
}

impl TxRecord {
    /// A transaction that was only simulated.
    pub(crate) fn simulated(step: &str, from: Address, to: Address, gas: u64, value: U256) -> Self {
        Self { step: step.to_owned(), from, to, hash: None, gas, gas_price: 0, block: None, value }
    }

    /// A transaction of a dry run that only works once another one, before it, was sent.
    pub(crate) fn unsimulated(step: &str, from: Address, to: Address) -> Self {
        Self::simulated(step, from, to, 0, U256::ZERO)
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        match self.hash {
            Some(hash) => format!("{}: {hash} (gas {})", self.step, self.gas),
            None if self.gas == 0 => format!(
                "{}: dry run, can't be simulated before the approval is sent; nothing was sent",
                self.step
            ),
            None => format!(
                "{}: dry run, would use about {} gas; nothing was sent",
                self.step, self.gas
            ),
        }
    }
}

/// A mined transaction, or what the simulation returned.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// What is kept of it.
    pub(crate) record: TxRecord,
    /// Return data of the simulation that went before.
    pub(crate) returned: Bytes,
    /// None for a dry run.
    pub(crate) receipt: Option<TransactionReceipt>,
}

impl Sent {
    /// Of a dry run in which nothing could be simulated.
    pub(crate) fn unsimulated(record: TxRecord) -> Self {
        Self { record, returned: Bytes::new(), receipt: None }
    }

    /// The first event `E` in it; none for a dry run.
    pub(crate) fn event<E: SolEvent>(&self) -> Option<Log<E>> {
        let receipt = self.receipt.as_ref()?;
        receipt.logs().iter().find_map(|log| E::decode_log(&log.inner).ok())
    }
}
