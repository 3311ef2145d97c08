//! The check itself, as a durable job: open the hand-out, ask, conclude, keep the tags.
//!
//! What must not be lost between asking and sending are the tags: they are written before anything
//! is sent. A job that runs twice finds them and goes on from there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use oml_contracts::hash::key_hash;
use oml_contracts::round::{SEAT_KEYS, SeatIndex, SheetTags};
use oml_contracts::{Domain, EthAddress, RoundId, Seed, Tag};
use oml_prover::check::{
    Endpoint, EndpointError, EndpointOptions, Exchange, Limits, NoAnswer, NotChecked, Observation,
};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::conclude::{Conclusion, TimeLeft, conclude, is_silence};
use super::guard;
use crate::chain::Head;
use crate::config::ProverConfig;
use crate::jobs::{JobError, JobHandler};
use crate::rounds::hand_out::{HandedKeys, SealContext, SeatPlace, hash_of_keys, open_hand_out};
use crate::rounds::shuffle::shuffled_order;
use crate::store::{JobRow, NewJob, SheetRow, Store, StoreError};
use oml_prover::sealed_box::{EncryptionKey, random_bytes};

/// Kind of the job.
const ASK_JOB: &str = "ask";

/// Longest answer that is kept in the transcript, in characters; its tag is taken of the whole.
const KEPT_TEXT: usize = 400;

/// The durable order to ask for one seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AskOrder {
    pub round: RoundId,
    pub seat: SeatIndex,
    /// Another draw, after a reorg, is another order.
    pub seed: Seed,
    pub prover: EthAddress,
    /// Chain time up to which the sheet must be on chain, Unix seconds.
    pub answer_until: u64,
    /// Length of the answers, in seconds.
    pub window: u64,
}

impl AskOrder {
    /// The job, not before `run_after` of the machine's clock.
    pub(super) fn job(&self, run_after: u64) -> NewJob {
        NewJob {
            kind: ASK_JOB,
            key: format!("{}/{}/{}/{}", self.round, self.seat, self.seed, self.prover),
            payload: json!(self),
            run_after,
        }
    }
}

/// A seat of a draw.
type Place = (RoundId, SeatIndex, Seed);

const fn place_of(order: &AskOrder) -> Place {
    (order.round, order.seat, order.seed)
}

/// Asks what seats are handed.
#[derive(Debug)]
pub struct AskHandler {
    store: Store,
    heads: watch::Receiver<Head>,
    config: ProverConfig,
    key: EncryptionKey,
    domain: Domain,
    client: reqwest::Client,
    /// Asked to tell a dead network of our own from a dead deployment.
    canaries: Vec<Url>,
    partial: Mutex<HashMap<Place, Vec<Exchange>>>,
}

impl AskHandler {
    /// Prepares; starts nothing. `domain` is that of `Rounds`; `canaries` are asked to tell a dead
    /// network of our own from a dead deployment, those on this machine or network only if there
    /// are no others.
    ///
    /// # Errors
    /// What the TLS backend says at its start.
    pub fn new(
        store: Store,
        heads: watch::Receiver<Head>,
        config: ProverConfig,
        key: EncryptionKey,
        domain: Domain,
        canaries: &[String],
    ) -> Result<Self, reqwest::Error> {
        // Canaries are the operator's own words, so that they may be anywhere.
        let client = guard::client(true, Duration::from_secs(20))?;
        let partial = Mutex::default();
        let canaries = far_ones(canaries);
        Ok(Self { store, heads, config, key, domain, client, canaries, partial })
    }

    async fn check(&self, order: &AskOrder) -> Result<(), JobError> {
        let handed = self.handed(order).await?;
        let exchanges = self.ask(order, &handed).await?;
        let observations: Vec<Observation> =
            exchanges.iter().map(|exchange| exchange.observation.clone()).collect();
        let silent = observations.iter().any(is_silence);
        let own_network = !silent || self.network_works().await;
        match conclude(&observations, own_network, self.time_left(order)) {
            Conclusion::CouldNotCheck { after, reason } => {
                self.set_partial(order, Some(exchanges));
                metrics::counter!("oml_checks_total", "outcome" => "could-not-check").increment(1);
                Err(JobError::RetryAfter { after, why: reason })
            }
            Conclusion::Tags(tags) => {
                metrics::counter!("oml_checks_total", "outcome" => "tags").increment(1);
                self.keep(order, &handed, &tags, &exchanges).await?;
                self.set_partial(order, None);
                Ok(())
            }
        }
    }

    /// The keys, from the hand-out that the inbox has checked.
    async fn handed(&self, order: &AskOrder) -> Result<HandedKeys, JobError> {
        let row = self.store.round(order.round).await.map_err(retry)?;
        let row = row.ok_or_else(|| JobError::Retry("the round is not in view".to_owned()))?;
        let kept = self.store.hand_out(order.round, order.seat, order.seed).await.map_err(retry)?;
        let kept = kept.ok_or_else(|| JobError::Retry("no hand-out is kept".to_owned()))?;
        let sealed = SealContext {
            place: SeatPlace { round: order.round, seat: order.seat, prover: order.prover },
            account: row.account,
            deployment: row.deployment,
            domain: self.domain,
        };
        open_hand_out(&sealed, &self.key, &kept.sealed)
            .map_err(|error| JobError::Permanent(error.to_string()))
    }

    async fn ask(&self, order: &AskOrder, handed: &HandedKeys) -> Result<Vec<Exchange>, JobError> {
        let uri = &handed.deployment.uri;
        match Endpoint::new(uri, self.options(handed)) {
            Ok(endpoint) => self.ask_all(order, &endpoint, &handed.keys).await,
            // What was sealed is nothing that anybody could ask: a fact about the deployment.
            Err(EndpointError::Address(cause)) => {
                let cause = cause.to_string();
                let refused = NoAnswer::NotACompletion { fault: cause, excerpt: String::new() };
                let observation = Observation::NoAnswer(refused);
                let exchange = |prompt: &String| Exchange {
                    observation: observation.clone(),
                    ..unasked(prompt)
                };
                Ok(handed.keys.iter().map(exchange).collect())
            }
            Err(error) => Err(JobError::Retry(error.to_string())),
        }
    }

    fn options(&self, handed: &HandedKeys) -> EndpointOptions {
        let query = &self.config.query;
        let limits = Limits {
            request_seconds: query.timeout_s.max(1),
            body_bytes: query.max_response_bytes.max(1) as u64,
            attempts: query.attempts.max(1),
            // One question at a time per call: the check itself decides how many calls run.
            concurrency: 1,
            ..Limits::default()
        };
        let headers = handed.deployment.access.iter().flat_map(|access| {
            access
                .headers()
                .map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned())))
                .collect::<Vec<_>>()
        });
        EndpointOptions {
            model: self.config.query_model.clone(),
            max_tokens: query.max_tokens.max(1),
            headers: headers.collect(),
            allow_private: self.config.allow_private_endpoints,
            limits,
            ..EndpointOptions::default()
        }
    }

    /// Asks what is still open, in an order of our own. One attempt gets half of the time that is
    /// left: a deployment that drips its answers must not make us miss the deadline.
    async fn ask_all(
        &self,
        order: &AskOrder,
        endpoint: &Endpoint,
        prompts: &[String],
    ) -> Result<Vec<Exchange>, JobError> {
        let seed = random_bytes().map_err(|e| JobError::Retry(e.to_string()))?;
        let mut exchanges = self.partial(order, prompts);
        let open = shuffled_order(prompts.len(), *seed);
        let open = open.into_iter().filter(|place| exchanges[*place].observation.is_open());
        let budget = Duration::from_secs((self.time_left(order).left / 2).max(1));
        let end = tokio::time::Instant::now() + budget;
        let asked: Vec<_> = open
            .map(|place| {
                let question = ask_until(endpoint.clone(), prompts[place].clone(), end, budget);
                question.map(move |exchange| (place, exchange))
            })
            .collect();
        let answers =
            futures::stream::iter(asked).buffer_unordered(self.config.query.concurrency.max(1));
        for (place, exchange) in answers.collect::<Vec<_>>().await {
            exchanges[place] = exchange;
        }
        Ok(exchanges)
    }

    /// What earlier attempts of this process have found out.
    fn partial(&self, order: &AskOrder, prompts: &[String]) -> Vec<Exchange> {
        let known = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&place_of(order)).filter(|known| known.len() == prompts.len());
        known.cloned().unwrap_or_else(|| prompts.iter().map(|prompt| unasked(prompt)).collect())
    }

    fn set_partial(&self, order: &AskOrder, exchanges: Option<Vec<Exchange>>) {
        let mut known = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        match exchanges {
            Some(exchanges) => known.insert(place_of(order), exchanges),
            None => known.remove(&place_of(order)),
        };
    }

    /// Whether anything but the deployment reacts.
    async fn network_works(&self) -> bool {
        let asked = self.canaries.iter().map(|url| self.client.get(url.clone()).send());
        let mut answers: futures::stream::FuturesUnordered<_> = asked.collect();
        while let Some(answer) = answers.next().await {
            if answer.is_ok() {
                return true;
            }
        }
        false
    }

    /// Writes the tags. They are sent after the next head, by the machine's decision.
    async fn keep(
        &self,
        order: &AskOrder,
        handed: &HandedKeys,
        tags: &[Tag],
        exchanges: &[Exchange],
    ) -> Result<(), JobError> {
        let tags: [Tag; SEAT_KEYS] = tags
            .try_into()
            .map_err(|_| JobError::Permanent(format!("{} tags for eight keys", tags.len())))?;
        let keys = hash_of_keys(&handed.keys).map_err(|e| JobError::Permanent(e.to_string()))?;
        // Hashes in the place of prompts: what a prover keeps need not reveal the owner's keys.
        let answers: Vec<_> = exchanges
            .iter()
            .map(|exchange| {
                json!({
                    "keyHash": key_hash(&exchange.prompt),
                    "askedAt": exchange.asked_at,
                    "attempts": exchange.attempts,
                    "observation": shortened(&exchange.observation),
                })
            })
            .collect();
        let row = SheetRow {
            round_id: order.round,
            seat: order.seat,
            seed: order.seed,
            prover: order.prover,
            keys,
            tags: SheetTags(tags),
            transcript: json!({
                "uri": handed.deployment.uri,
                "checkedAt": self.heads.borrow().timestamp,
                "answers": answers,
            }),
            settled: false,
        };
        self.store.keep_sheet(&row).await.map_err(retry)?;
        let answered = exchanges.iter().filter(|e| e.observation.is_answer()).count();
        tracing::info!(round = %order.round, seat = %order.seat, answered, "deployment asked");
        Ok(())
    }

    fn time_left(&self, order: &AskOrder) -> TimeLeft {
        let now = self.heads.borrow().timestamp;
        TimeLeft { left: order.answer_until.saturating_sub(now), window: order.window }
    }
}

#[async_trait]
impl JobHandler for AskHandler {
    fn kind(&self) -> &'static str {
        ASK_JOB
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(120)
    }

    async fn run(&self, job: &JobRow) -> Result<(), JobError> {
        let order = AskOrder::deserialize(&job.payload)
            .map_err(|error| JobError::Permanent(error.to_string()))?;
        let known = self.store.sheet(order.round, order.seat, order.seed).await;
        if known.map_err(retry)?.is_some() {
            return Ok(());
        }
        if self.time_left(&order).left == 0 {
            self.set_partial(&order, None);
            return Err(JobError::Permanent(format!(
                "could not check: the answers ended at {}",
                order.answer_until
            )));
        }
        self.check(&order).await
    }
}

/// The canaries whose answer shows more than that this machine is up; all if there are no such.
fn far_ones(canaries: &[String]) -> Vec<Url> {
    let urls = |allow_private| -> Vec<Url> {
        let admitted = canaries.iter().filter_map(|url| guard::admit(url, allow_private).ok());
        admitted.filter(|url| allow_private || url.host_str() != Some("localhost")).collect()
    };
    let far = urls(false);
    if far.is_empty() { urls(true) } else { far }
}

async fn ask_until(
    endpoint: Endpoint,
    prompt: String,
    end: tokio::time::Instant,
    budget: Duration,
) -> Exchange {
    let asked = endpoint.ask(std::slice::from_ref(&prompt));
    let exchange = tokio::time::timeout_at(end, asked).await.ok().and_then(|mut asked| asked.pop());
    exchange.unwrap_or_else(|| {
        let observation =
            Observation::NotChecked(NotChecked::TimedOut { seconds: budget.as_secs() });
        Exchange { observation, ..unasked(&prompt) }
    })
}

fn shortened(observation: &Observation) -> Observation {
    match observation {
        Observation::Answered(text) => {
            Observation::Answered(text.chars().take(KEPT_TEXT).collect())
        }
        other => other.clone(),
    }
}

/// An exchange that has not taken place.
fn unasked(prompt: &str) -> Exchange {
    Exchange {
        prompt: prompt.to_owned(),
        asked_at: 0,
        took: 0,
        attempts: 0,
        observation: Observation::NotChecked(NotChecked::NotAsked),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn retry(error: StoreError) -> JobError {
    JobError::Retry(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::far_ones;

    #[test]
    fn a_chain_on_this_machine_says_nothing_of_the_network() {
        let near = "http://127.0.0.1:8545".to_owned();
        let named = "http://localhost:8545".to_owned();
        let far = "https://api.drand.example/v2".to_owned();
        let hosts = |given: &[String]| -> Vec<String> {
            far_ones(given).iter().filter_map(|url| url.host_str().map(str::to_owned)).collect()
        };
        assert_eq!(hosts(&[near.clone(), named, far]), ["api.drand.example"]);
        assert_eq!(hosts(&[near, "no url".to_owned()]), ["127.0.0.1"]);
        assert!(hosts(&[]).is_empty());
    }
}
