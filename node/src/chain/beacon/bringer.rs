//! Brings rounds: one durable job per round, one transaction per round, whoever waits for it.

use super::decide::{Present, RoundStep, round_step};
use super::proof::ProofSource;
use crate::chain::head::Head;
use crate::chain::sender::{Intent, IntentStatus, Sender, Submitted, submit_once};
use crate::chain::views::BeaconValue;
use crate::jobs::{JobError, JobHandler};
use crate::store::{JobRow, JobState, NewJob, Store, StoreError};
use alloy::primitives::Address;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::watch;

/// Kind of the jobs that bring rounds.
const ROUND_JOB: &str = "beacon-round";
/// Pause before a round that is not out yet is looked at again.
const UNTIL_OUT: Duration = Duration::from_secs(2);

/// Payload of such a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct RoundOrder {
    round: u64,
}

/// Orders rounds to be brought. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RoundOrders {
    source: ProofSource,
    store: Store,
}

impl RoundOrders {
    /// Orders that a [`RoundHandler`] of the same store fulfils.
    #[must_use]
    pub const fn new(source: ProofSource, store: Store) -> Self {
        Self { source, store }
    }

    /// What a round needs at `head`, where the contract says `value` of it.
    #[must_use]
    pub const fn step(&self, round: u64, value: BeaconValue, head: &Head) -> RoundStep {
        round_step(&self.source.beacon().source, round, value, present(head))
    }

    /// Orders a round that is due, once, however many subjects wait for it. A job that is done was
    /// done before a reorg, so it is put back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order(&self, round: u64) -> Result<(), StoreError> {
        let key = key_of(&self.source, round);
        let payload = serde_json::json!(RoundOrder { round });
        let job = NewJob { kind: ROUND_JOB, key: key.clone(), payload, run_after: 0 };
        if self.store.enqueue(&job).await? {
            return Ok(());
        }
        let known = self.store.job(ROUND_JOB, &key).await?;
        if known.is_some_and(|job| job.state == JobState::Done) {
            self.store.requeue(ROUND_JOB, &key).await?;
        }
        Ok(())
    }
}

/// Brings the rounds that were ordered.
#[derive(Debug)]
pub struct RoundHandler {
    source: ProofSource,
    sender: Sender,
    heads: watch::Receiver<Head>,
}

impl RoundHandler {
    /// Brings rounds by `sender`'s account.
    #[must_use]
    pub const fn new(source: ProofSource, sender: Sender, heads: watch::Receiver<Head>) -> Self {
        Self { source, sender, heads }
    }

    async fn bring(&self, round: u64) -> Result<(), JobError> {
        let key = key_of(&self.source, round);
        let retry = |error: &dyn std::error::Error| JobError::Retry(error.to_string());
        let known = self.sender.status(&key).await.map_err(|error| retry(&error))?;
        if known.is_some_and(|status| status == IntentStatus::Pending || status.took_effect()) {
            return Ok(());
        }
        let proof = self.source.proof(round).await.map_err(|error| retry(&error))?;
        let call = proof.call().map_err(|error| retry(&error))?;
        let to: Address = self.source.beacon().address.into();
        let what = format!("beacon round {round}");
        let make = |key: &str| Ok(Intent::call(key, to, &call, what.as_str()));
        match submit_once(&self.sender, &key, None, make).await {
            Ok(Submitted::Sent { key }) => {
                tracing::info!(key, round, from = proof.from, "bringing a beacon round");
                Ok(())
            }
            Ok(Submitted::UnderWay) => Ok(()),
            Ok(Submitted::NotNow { reason }) => Err(JobError::Retry(reason)),
            Ok(Submitted::GivenUp { reason }) => Err(JobError::Permanent(reason)),
            Err(error) => Err(retry(&error)),
        }
    }
}

#[async_trait]
impl JobHandler for RoundHandler {
    fn kind(&self) -> &'static str {
        ROUND_JOB
    }

    async fn run(&self, job: &JobRow) -> Result<(), JobError> {
        let order = RoundOrder::deserialize(&job.payload)
            .map_err(|error| JobError::Permanent(error.to_string()))?;
        let head = *self.heads.borrow();
        let value = self.source.value(order.round).await;
        let value = value.map_err(|error| JobError::Retry(error.to_string()))?;
        match round_step(&self.source.beacon().source, order.round, value, present(&head)) {
            RoundStep::Draw | RoundStep::Renew => Ok(()),
            RoundStep::Bring => self.bring(order.round).await,
            RoundStep::Wait => Err(JobError::RetryAfter {
                after: UNTIL_OUT,
                why: format!("round {} is not out yet", order.round),
            }),
        }
    }
}

const fn present(head: &Head) -> Present {
    Present { block: head.number, time: head.timestamp }
}

/// Names the job of a round and the intent that brings it, for ever: a restart between fetching and
/// sending, or a second worker, finds what was done.
fn key_of(source: &ProofSource, round: u64) -> String {
    format!("beacon/{}/{round}", source.beacon().address)
}
