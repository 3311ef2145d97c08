//! Bringing each seat its keys: one durable job per seat, so that one that does not answer holds up
//! nobody else.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use alloy::sol_types::SolEvent as _;
use async_trait::async_trait;
use oml_contracts::round::{SeatIndex, WordIndex};
use oml_contracts::rpc::abi::ProverRegistry::ProverAnnounced;
use oml_contracts::{EthAddress, LicenseId, ModelId, RoundId, Seed};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{TestedDeployment, Universes};
use crate::chain::{ChainClient, Head};
use crate::jobs::{JobError, JobHandler};
use crate::rounds::hand_out::{SealContext, SeatPlace, seal_hand_out};
use crate::rounds::inbox::SealedHandOut;
use crate::rounds::prover::guard;
use crate::rounds::words::RoundSecret;
use crate::store::{JobRow, NewJob, Store, StoreError};

/// Kind of the job.
const HAND_OUT_JOB: &str = "hand-out";

const TIMEOUT: Duration = Duration::from_secs(20);

/// Everything that a delivery must know. Made from the chain's state, stored as the job's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HandOutOrder {
    pub round: RoundId,
    pub seat: SeatIndex,
    /// Another draw, after a reorg, is another job.
    pub seed: Seed,
    pub prover: EthAddress,
    pub license: LicenseId,
    pub index: u8,
    pub bundle: u32,
    pub model: ModelId,
    pub epoch: u32,
    pub deployment: TestedDeployment,
    /// Chain time after which it is useless.
    pub answer_until: u64,
}

impl HandOutOrder {
    pub(super) fn job(&self) -> NewJob {
        NewJob {
            kind: HAND_OUT_JOB,
            key: format!("{}/{}/{}", self.round, self.seat, self.seed),
            payload: serde_json::json!(self),
            run_after: 0,
        }
    }
}

/// Where the inboxes lie that are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxReach {
    /// On the public internet only: an inbox is written by a stranger.
    Public,
    /// On private and local addresses, too.
    Private,
}

/// Brings seats their keys.
#[derive(Debug)]
pub struct HandOutHandler {
    store: Store,
    chain: ChainClient,
    heads: watch::Receiver<Head>,
    universes: Arc<Universes>,
    secret: RoundSecret,
    client: reqwest::Client,
    reach: InboxReach,
}

impl HandOutHandler {
    /// Prepares; starts nothing.
    ///
    /// # Errors
    /// What the TLS backend says at its start.
    pub fn new(
        store: Store,
        chain: ChainClient,
        heads: watch::Receiver<Head>,
        universes: Arc<Universes>,
        secret: RoundSecret,
        reach: InboxReach,
    ) -> Result<Self, reqwest::Error> {
        let client = guard::client(reach == InboxReach::Private, TIMEOUT)?;
        Ok(Self { store, chain, heads, universes, secret, client, reach })
    }

    async fn deliver(&self, order: &HandOutOrder) -> Result<(), JobError> {
        let retry = |error: &dyn std::fmt::Display| JobError::Retry(error.to_string());
        let inbox = inbox_of(&self.store, order.prover).await.map_err(|e| retry(&e))?;
        let (inbox, encryption_key) = inbox.ok_or_else(|| {
            JobError::Retry(format!("prover {} has not announced an inbox", order.prover))
        })?;
        let sealed = self.sealed(order, &encryption_key)?;
        let mut url = guard::admit(&inbox, self.reach == InboxReach::Private)
            .map_err(|error| JobError::Permanent(format!("inbox {inbox}: {error}")))?;
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v1/rounds/{}/seats/{}", order.round, order.seat));
        let body = SealedHandOut { sealed: format!("0x{}", hex::encode(sealed)) };
        let response = self.client.post(url).json(&body).send().await;
        let response = response.map_err(|error| JobError::RetryAfter {
            after: pause(order.answer_until.saturating_sub(self.heads.borrow().timestamp)),
            why: format!("inbox {inbox} can't be reached: {}", error.without_url()),
        })?;
        match response.status() {
            status if status.is_success() => Ok(()),
            // Nothing that is sent again changes these.
            status @ (StatusCode::GONE | StatusCode::CONFLICT) => {
                Err(JobError::Permanent(format!("inbox {inbox} answers {status}")))
            }
            // A prover that has changed its key can't open what was sealed to the one before.
            status @ StatusCode::FORBIDDEN => Err(JobError::RetryAfter {
                after: Duration::from_secs(15),
                why: format!("inbox {inbox} answers {status}"),
            }),
            status => Err(JobError::RetryAfter {
                after: Duration::from_secs(2),
                why: format!("inbox {inbox} answers {status}"),
            }),
        }
    }

    fn sealed(&self, order: &HandOutOrder, encryption_key: &[u8; 32]) -> Result<Vec<u8>, JobError> {
        let permanent = |cause: String| JobError::Permanent(cause);
        let universe = self.universes.get(&(order.model, order.epoch));
        let universe = universe.ok_or_else(|| JobError::RetryAfter {
            after: Duration::from_secs(30),
            why: format!("universe {} of model {} is not held", order.epoch, order.model),
        })?;
        let keys = universe
            .keys_of(order.bundle, order.seat)
            .map_err(|error| permanent(error.to_string()))?;
        let index = WordIndex::new(order.index)
            .ok_or_else(|| permanent(format!("word {} is none of 128", order.index)))?;
        let signer = self.secret.account(order.license, index);
        let sealed = SealContext {
            place: SeatPlace { round: order.round, seat: order.seat, prover: order.prover },
            account: EthAddress::of_key(signer.verifying_key()),
            deployment: order.deployment.commitment(),
            domain: self.chain.addresses().round_domain(),
        };
        let deployment = order.deployment.clone();
        seal_hand_out(&sealed, order.seed, deployment, keys, &signer, encryption_key)
            .map_err(|error| permanent(error.to_string()))
    }
}

/// Where a prover takes hand-outs, as it announced last.
async fn inbox_of(
    store: &Store,
    prover: EthAddress,
) -> Result<Option<(String, [u8; 32])>, StoreError> {
    let subject = B256::left_padding_from(prover.as_bytes());
    let events = store.events_named(subject, "ProverAnnounced").await?;
    let announced = events.last().and_then(|row| ProverAnnounced::abi_decode_data(&row.data).ok());
    Ok(announced.map(|(key, inbox)| (inbox, key.0)))
}

/// Pause before an inbox is tried again with so many seconds left: a twentieth of them, so that a
/// prover that restarts is reached in time, and a dead one is not asked all the time.
fn pause(left: u64) -> Duration {
    Duration::from_secs((left / 20).clamp(1, 60))
}

#[async_trait]
impl JobHandler for HandOutHandler {
    fn kind(&self) -> &'static str {
        HAND_OUT_JOB
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// All seats of the largest round: inboxes that let us wait hold up nobody else.
    fn concurrency(&self) -> usize {
        32
    }

    async fn run(&self, job: &JobRow) -> Result<(), JobError> {
        let order = HandOutOrder::deserialize(&job.payload)
            .map_err(|error| JobError::Permanent(error.to_string()))?;
        let now = self.heads.borrow().timestamp;
        if now > order.answer_until {
            return Err(JobError::Permanent(format!(
                "the answers ended at {}; seat {} has no keys",
                order.answer_until, order.seat
            )));
        }
        self.deliver(&order).await
    }
}

#[cfg(test)]
mod tests {
    use super::pause;

    #[test]
    fn inboxes_are_tried_more_often_towards_the_end() {
        assert_eq!(pause(86_400).as_secs(), 60);
        assert_eq!(pause(200).as_secs(), 10);
        assert_eq!(pause(0).as_secs(), 1);
    }
}
