//! What sending a transaction leaves behind.

use super::call::Call;
use crate::money::{Currency, Money};
use alloy::primitives::{Address, B256, Bytes, Log};
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
    #[serde(serialize_with = "crate::files::as_text")]
    pub gas_price: u128,
    /// Block that holds it; none for a dry run.
    pub block: Option<u64>,
    /// Native currency sent along.
    pub value: Money,
    /// What it took from the signer besides gas, in the currency of what was bought; none for a dry
    /// run, and where it takes nothing.
    pub paid: Option<Money>,
}

impl TxRecord {
    /// A transaction that was only simulated.
    pub(crate) fn simulated(call: &Call, from: Address, gas: u64, value: Money) -> Self {
        let (step, to) = (call.step.clone(), call.to);
        Self { step, from, to, hash: None, gas, gas_price: 0, block: None, value, paid: None }
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        match self.hash {
            Some(hash) => {
                let paid = self.paid.as_ref().filter(|paid| !paid.is_zero());
                let paid = paid.map_or_else(String::new, |paid| format!(", paid {paid}"));
                format!("{}: {hash} (gas {}{paid})", self.step, self.gas)
            }
            None if self.gas == 0 => format!(
                "{}: dry run; this endpoint can't simulate it before the approval is sent; nothing \
                 was sent",
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
    /// Of a dry run at an endpoint that can't play a call after the one before it.
    pub(crate) fn unsimulated(call: &Call, from: Address, native: &Currency) -> Self {
        let record = TxRecord::simulated(call, from, 0, native.units(call.value));
        Self { record, returned: Bytes::new(), receipt: None }
    }

    /// The first event `E` in it; none for a dry run.
    pub(crate) fn event<E: SolEvent>(&self) -> Option<Log<E>> {
        let receipt = self.receipt.as_ref()?;
        receipt.logs().iter().find_map(|log| E::decode_log(&log.inner).ok())
    }
}
