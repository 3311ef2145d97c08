//! The check itself, as a durable job: fetch the questions, ask, conclude, keep the tags, commit.
//!
//! Between asking and revealing lies one thing that must not be lost: tags and salt. They are
//! written before the commitment is sent. A job that runs twice finds them and goes on from there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use oml_contracts::hash::{deployment_hash, key_hash, packed_tags};
use oml_contracts::{CaseId, ModelId, QuestionsHash, Salt};
use oml_prover::check::{
    Endpoint, EndpointError, EndpointOptions, Exchange, Limits, NoAnswer, NotChecked, Observation,
};
use serde_json::json;
use tokio::sync::watch;

use super::conclude::{Conclusion, TimeLeft, conclude, is_silence};
use super::fetch::{FetchError, QuestionSource};
use super::order::{CHECK_JOB, CheckOrder};
use super::secrets::{keep_secret, secret_for};
use crate::cases::reading::case_story;
use crate::cases::seal::{EncryptionKey, random_bytes};
use crate::cases::shuffle::shuffled_order;
use crate::chain::Head;
use crate::config::ProverConfig;
use crate::jobs::{JobError, JobHandler};
use crate::store::{CaseSecret, JobRow, Store, StoreError};

/// Runs the checks that cases order.
#[derive(Debug)]
pub struct CheckHandler {
    store: Store,
    heads: watch::Receiver<Head>,
    config: ProverConfig,
    key: EncryptionKey,
    source: QuestionSource,
    canaries: Vec<String>,
    owners: BTreeMap<ModelId, String>,
    partial: Mutex<HashMap<Place, Vec<Exchange>>>,
}

/// A list of questions of a case.
type Place = (CaseId, QuestionsHash);

const fn place_of(order: &CheckOrder) -> Place {
    (order.case, order.questions_hash)
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

/// Longest answer that is kept in the transcript, in characters; its tag is taken of the whole.
const KEPT_TEXT: usize = 400;

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

impl CheckHandler {
    /// Prepares; starts nothing. `rpc_url` is asked, besides owners' nodes, to tell a dead network
    /// of our own from a dead deployment.
    ///
    /// # Errors
    /// What the TLS backend says at its start.
    pub fn new(
        store: Store,
        heads: watch::Receiver<Head>,
        config: ProverConfig,
        key: EncryptionKey,
        rpc_url: String,
    ) -> Result<Self, reqwest::Error> {
        let source = QuestionSource::new(config.allow_private_endpoints)?;
        let owners = config.owner_endpoints.clone();
        Ok(Self {
            store,
            heads,
            config,
            key,
            source,
            canaries: vec![rpc_url],
            owners,
            partial: Mutex::default(),
        })
    }

    async fn check(&self, order: &CheckOrder) -> Result<(), JobError> {
        let prompts = self.prompts(order).await?;
        let exchanges = self.ask(order, &prompts).await?;
        let observations: Vec<Observation> =
            exchanges.iter().map(|exchange| exchange.observation.clone()).collect();
        let silent = observations.iter().any(is_silence);
        let own_network = !silent || self.network_works(order).await;
        match conclude(&observations, own_network, self.time_left(order)) {
            Conclusion::CouldNotCheck { after, reason } => {
                self.set_partial(order, Some(exchanges));
                metrics::counter!("oml_checks_total", "outcome" => "could-not-check").increment(1);
                Err(JobError::RetryAfter { after, why: reason })
            }
            Conclusion::Tags(tags) => {
                metrics::counter!("oml_checks_total", "outcome" => "tags").increment(1);
                self.keep(order, packed_tags(&tags), &exchanges).await?;
                self.set_partial(order, None);
                Ok(())
            }
        }
    }

    /// The questions, from the owner's node.
    async fn prompts(&self, order: &CheckOrder) -> Result<Vec<String>, JobError> {
        // Not permanent: a restart with the right configuration goes on with the same job.
        let base = self.owners.get(&order.model).ok_or_else(|| JobError::RetryAfter {
            after: Duration::from_secs(30),
            why: format!(
                "no owner endpoint for model {}; add it to prover.owner_endpoints",
                order.model
            ),
        })?;
        let fetched = self
            .source
            .fetch(base, order.case, order.member, &self.key, order.questions_hash)
            .await
            .map_err(|error| self.retry_fetch(order, &error))?;
        if fetched.len() != usize::from(order.question_count) {
            // The hash covers the list, so the owner posted a count that does not belong to it.
            return Err(JobError::Permanent(format!(
                "owner posted {} questions but handed out {}",
                order.question_count,
                fetched.len()
            )));
        }
        Ok(fetched)
    }

    /// Whatever is wrong with the owner's node may be put right until the deadline.
    fn retry_fetch(&self, order: &CheckOrder, error: &FetchError) -> JobError {
        let left = self.time_left(order).left;
        let after = match error {
            // The owner's node has not seen the newest block yet.
            FetchError::Refused { status: 409, .. } => Duration::from_secs(1),
            _ => Duration::from_secs((left / 10).clamp(1, 30)),
        };
        JobError::RetryAfter { after, why: error.to_string() }
    }

    async fn ask(&self, order: &CheckOrder, prompts: &[String]) -> Result<Vec<Exchange>, JobError> {
        let uri = self.uri(order).await?;
        if deployment_hash(&uri) != order.deployment {
            return Err(JobError::Permanent(format!(
                "the stored address of deployment {} is another one; the store is damaged",
                order.deployment
            )));
        }
        match Endpoint::new(&uri, self.options()) {
            Ok(endpoint) => self.ask_all(order, &endpoint, prompts).await,
            // What the host registered is nothing that anybody could ask: a fact about the
            // deployment.
            Err(EndpointError::Address(cause)) => {
                let cause = cause.to_string();
                let refused = NoAnswer::NotACompletion { fault: cause, excerpt: String::new() };
                let observation = Observation::NoAnswer(refused);
                let exchange = |prompt: &String| Exchange {
                    observation: observation.clone(),
                    ..unasked(prompt)
                };
                Ok(prompts.iter().map(exchange).collect())
            }
            Err(error) => Err(JobError::Retry(error.to_string())),
        }
    }

    /// Where the deployment is: as its host registered it, or as the reporter named it.
    async fn uri(&self, order: &CheckOrder) -> Result<String, JobError> {
        let row = self.store.deployment(order.license, order.deployment).await.map_err(retry)?;
        if let Some(row) = row {
            return Ok(row.uri);
        }
        let story = case_story(&self.store, order.case).await;
        let story = story.map_err(|error| JobError::Retry(error.to_string()))?;
        story.and_then(|story| story.uri).ok_or_else(|| {
            JobError::Retry(format!("deployment {} is not indexed yet", order.deployment))
        })
    }

    fn options(&self) -> EndpointOptions {
        let query = &self.config.query;
        let limits = Limits {
            request_seconds: query.timeout_s.max(1),
            body_bytes: query.max_response_bytes.max(1) as u64,
            attempts: query.attempts.max(1),
            // One question at a time per call: the check itself decides how many calls run.
            concurrency: 1,
            ..Limits::default()
        };
        EndpointOptions {
            model: self.config.query_model.clone(),
            max_tokens: query.max_tokens.max(1),
            api_key: None,
            allow_private: self.config.allow_private_endpoints,
            limits,
            ..EndpointOptions::default()
        }
    }

    /// Asks what is still open, in an order of our own, so that a deployment sees no common pattern
    /// across members. One attempt gets half of the time that is left: a deployment that drips its
    /// answers must not make us miss the deadline.
    async fn ask_all(
        &self,
        order: &CheckOrder,
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
    fn partial(&self, order: &CheckOrder, prompts: &[String]) -> Vec<Exchange> {
        let known = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(&place_of(order)).filter(|known| known.len() == prompts.len());
        known.cloned().unwrap_or_else(|| prompts.iter().map(|prompt| unasked(prompt)).collect())
    }

    fn set_partial(&self, order: &CheckOrder, exchanges: Option<Vec<Exchange>>) {
        let mut known = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        match exchanges {
            Some(exchanges) => known.insert(place_of(order), exchanges),
            None => known.remove(&place_of(order)),
        };
    }

    /// Whether anything but the deployment reacts.
    async fn network_works(&self, order: &CheckOrder) -> bool {
        if let Some(base) = self.owners.get(&order.model)
            && self.source.answers(base).await
        {
            return true;
        }
        for canary in &self.canaries {
            if self.source.answers(canary).await {
                return true;
            }
        }
        false
    }

    /// Writes tags and salt. The commitment follows at the next head, by the machine's decision.
    async fn keep(
        &self,
        order: &CheckOrder,
        tags: Vec<u8>,
        exchanges: &[Exchange],
    ) -> Result<(), JobError> {
        let salt = random_bytes().map_err(|e| JobError::Retry(e.to_string()))?;
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
        let secret = CaseSecret {
            case_id: order.case,
            prover: order.member,
            tags,
            salt: Salt::new(*salt),
            transcript: json!({
                "questionsHash": order.questions_hash,
                "deployment": order.deployment,
                "checkedAt": self.heads.borrow().timestamp,
                "answers": answers,
            }),
        };
        keep_secret(&self.store, &secret).await.map_err(retry)?;
        let answered = exchanges.iter().filter(|e| e.observation.is_answer()).count();
        tracing::info!(case = %order.case, answered, questions = exchanges.len(), "deployment checked");
        Ok(())
    }

    fn time_left(&self, order: &CheckOrder) -> TimeLeft {
        let now = self.heads.borrow().timestamp;
        TimeLeft { left: order.deadline.saturating_sub(now), window: order.window }
    }
}

#[async_trait]
impl JobHandler for CheckHandler {
    fn kind(&self) -> &'static str {
        CHECK_JOB
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(120)
    }

    async fn run(&self, job: &JobRow) -> Result<(), JobError> {
        let order = CheckOrder::from_job(job).map_err(|e| JobError::Permanent(e.to_string()))?;
        let known = secret_for(&self.store, order.case, order.member, order.questions_hash);
        if known.await.map_err(retry)?.is_some() {
            return Ok(());
        }
        if self.time_left(&order).left == 0 {
            self.set_partial(&order, None);
            return Err(JobError::Permanent(format!(
                "could not check: the time to commit ended at {}",
                order.deadline
            )));
        }
        self.check(&order).await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn retry(error: StoreError) -> JobError {
    JobError::Retry(error.to_string())
}
