//! Bringing each seat its keys: one durable job per seat, so that one that does not answer holds up
//! nobody else.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use oml_contracts::round::{SeatIndex, WordIndex};
use oml_contracts::{EthAddress, LicenseId, ModelId, RoundId, Seed};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::duty::inbox_of;
use super::{TestedDeployment, Universes};
use crate::chain::{ChainClient, Head};
use crate::jobs::{JobError, JobHandler};
use crate::rounds::hand_out::{SealedRound, SeatPlace, seal_hand_out};
use crate::rounds::inbox::SealedHandOut;
use crate::rounds::prover::guard;
use crate::rounds::words::RoundSecret;
use crate::store::{JobRow, NewJob, Store};

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

/// Brings seats their keys.
#[derive(Debug)]
pub struct HandOutHandler {
    store: Store,
    chain: ChainClient,
    heads: watch::Receiver<Head>,
    universes: Arc<Universes>,
    secret: RoundSecret,
    client: reqwest::Client,
    allow_private: bool,
}

impl HandOutHandler {
    /// Prepares; starts nothing. Inboxes on private addresses are reached only if allowed.
    ///
    /// # Errors
    /// What the TLS backend says at its start.
    pub fn new(
        store: Store,
        chain: ChainClient,
        heads: watch::Receiver<Head>,
        universes: Arc<Universes>,
        secret: RoundSecret,
        allow_private: bool,
    ) -> Result<Self, reqwest::Error> {
        let client = guard::client(allow_private, TIMEOUT)?;
        Ok(Self { store, chain, heads, universes, secret, client, allow_private })
    }

    async fn deliver(&self, order: &HandOutOrder) -> Result<(), JobError> {
        let retry = |error: &dyn std::fmt::Display| JobError::Retry(error.to_string());
        let inbox = inbox_of(&self.store, order.prover).await.map_err(|e| retry(&e))?;
        let (inbox, encryption_key) = inbox.ok_or_else(|| {
            JobError::Retry(format!("prover {} has not announced an inbox", order.prover))
        })?;
        let sealed = self.sealed(order, &encryption_key)?;
        let mut url = guard::admit(&inbox, self.allow_private)
            .map_err(|error| JobError::Permanent(format!("inbox {inbox}: {error}")))?;
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/v1/rounds/{}/seats/{}", order.round, order.seat));
        let body = SealedHandOut { sealed: format!("0x{}", hex::encode(sealed)) };
        let response = self.client.post(url).json(&body).send().await;
        let response = response.map_err(|error| retry(&error.without_url()))?;
        match response.status() {
            status if status.is_success() => Ok(()),
            // Nothing that is sent again changes these.
            status @ (StatusCode::GONE | StatusCode::CONFLICT | StatusCode::FORBIDDEN) => {
                Err(JobError::Permanent(format!("inbox {inbox} answers {status}")))
            }
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
        let sealed = SealedRound {
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

#[async_trait]
impl JobHandler for HandOutHandler {
    fn kind(&self) -> &'static str {
        HAND_OUT_JOB
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn concurrency(&self) -> usize {
        8
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
