//! A running service behind an OpenAI-compatible HTTP API.
//!
//! Its operator is the accused, and may send anything: nothing, a byte a minute, a stream without
//! end, a pointer into the asker's own network. Whatever it sends costs a bounded number of bytes
//! and seconds.

mod address;
mod classify;
mod log_probabilities;
mod options;
mod pace;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use rand::Rng as _;
use reqwest::Url;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, LOCATION, RETRY_AFTER,
};

use super::clock::{millis, unix_millis};
use super::observation::{NoAnswer, NotChecked, Observation};
use super::transcript::Exchange;
pub use address::{AddressError, is_public};
use classify::{Reply, completion, excerpt, refusal};
use log_probabilities::log_probabilities;
use oml_engine::Prompt;
pub use options::{EndpointError, EndpointOptions, Limits};
use pace::Pace;

/// How most services call the limit of an answer.
const MAX_TOKENS: &str = "max_tokens";
/// How services call it that refuse the name above.
const MAX_COMPLETION_TOKENS: &str = "max_completion_tokens";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The text with which the model goes on.
    Text,
    /// The likeliest first tokens.
    LogProbabilities,
}

/// Asks one service.
#[derive(Debug, Clone)]
pub struct Endpoint {
    client: reqwest::Client,
    /// The service's base address, without a slash at its end.
    base: Url,
    options: Arc<EndpointOptions>,
    pace: Arc<Pace>,
    /// Whether the service wants `max_completion_tokens` in place of `max_tokens`.
    renamed: Arc<AtomicBool>,
}

impl Endpoint {
    /// Prepares to ask the service at `uri`, whose path gets `/v1/completions` or
    /// `/v1/chat/completions` appended, as each prompt says. A `/v1` at its end, as clients of the
    /// OpenAI API write base addresses, is not doubled.
    ///
    /// # Errors
    /// [`EndpointError`] if the address is not one that may be asked, or the limits make no sense.
    pub fn new(uri: &str, options: EndpointOptions) -> Result<Self, EndpointError> {
        options.check()?;
        let mut base = address::admit(uri, options.reach())?;
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned();
        base.set_path(&path);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .dns_resolver(address::Guard::new(options.reach()))
            .connect_timeout(Duration::from_secs(options.limits.connect_seconds))
            .build()?;
        let pace = Arc::new(Pace::new(options.limits.requests_per_minute));
        Ok(Self { client, base, options: Arc::new(options), pace, renamed: Arc::default() })
    }

    /// The address that is asked.
    #[must_use]
    pub fn address(&self) -> String {
        self.base.to_string()
    }

    /// Asks each prompt, some at a time; the exchanges come in the order of the prompts.
    pub async fn ask(&self, prompts: &[String]) -> Vec<Exchange> {
        self.ask_for(Wanted::Text, prompts).await
    }

    /// Asks which tokens could come first after each prompt; an answered exchange holds the list as
    /// JSON text, `[[token, log-probability], …]`.
    pub(crate) async fn ask_log_probabilities(&self, prompts: &[String]) -> Vec<Exchange> {
        self.ask_for(Wanted::LogProbabilities, prompts).await
    }

    async fn ask_for(&self, wanted: Wanted, prompts: &[String]) -> Vec<Exchange> {
        // Collected, because with a closure in the stream the compiler can't show that this future
        // is `Send`, and a node runs it on many threads.
        let mut exchanges = Vec::with_capacity(prompts.len());
        for prompt in prompts {
            exchanges.push(self.exchange(wanted, prompt));
        }
        let at_once = self.options.limits.concurrency;
        futures::stream::iter(exchanges).buffered(at_once).collect().await
    }

    /// Asks one prompt, again while the service is silent or overloaded and time is left.
    async fn exchange(&self, wanted: Wanted, prompt: &str) -> Exchange {
        // Waiting for its turn is not the service's time.
        self.pace.turn().await;
        let (asked_at, started) = (unix_millis(), Instant::now());
        let limits = &self.options.limits;
        let mut attempts = 1;
        let observation = loop {
            let reply = self.attempt(wanted, prompt).await;
            let Reply::Open { observation, after } = reply else {
                break reply.observation();
            };
            let pause = pause(attempts, after, limits);
            let left = Duration::from_secs(limits.question_seconds).checked_sub(started.elapsed());
            if attempts >= limits.attempts || left.is_none_or(|left| left <= pause) {
                break observation;
            }
            tokio::time::sleep(pause).await;
            self.pace.turn().await;
            attempts += 1;
        };
        let took = millis(started);
        Exchange { prompt: prompt.to_owned(), asked_at, took, attempts, observation }
    }

    async fn attempt(&self, wanted: Wanted, prompt: &str) -> Reply {
        let seconds = self.options.limits.request_seconds;
        let whole = tokio::time::timeout(Duration::from_secs(seconds), async {
            let limit = self.token_limit();
            let reply = self.request(wanted, prompt).await;
            if limit == MAX_TOKENS && wants_new_limit(&reply) {
                self.renamed.store(true, Ordering::Relaxed);
                return self.request(wanted, prompt).await;
            }
            reply
        });
        match whole.await {
            Ok(reply) => reply,
            Err(_) => Reply::open(NotChecked::TimedOut { seconds }),
        }
    }

    fn token_limit(&self) -> &'static str {
        if self.renamed.load(Ordering::Relaxed) { MAX_COMPLETION_TOKENS } else { MAX_TOKENS }
    }

    /// Path and body of a request. The prompt itself says which of the two it is for.
    fn question(&self, wanted: Wanted, prompt: &str) -> (&'static str, serde_json::Value) {
        let mut body = serde_json::json!({
            "model": self.options.model,
            "temperature": 0,
        });
        let scores = wanted == Wanted::LogProbabilities;
        body[self.token_limit()] = if scores { 1 } else { self.options.max_tokens }.into();
        match Prompt::parse(prompt) {
            Prompt::Text(text) => {
                body["prompt"] = text.into();
                if scores {
                    body["logprobs"] = self.options.top_logprobs.into();
                }
                ("/v1/completions", body)
            }
            Prompt::Chat(messages) => {
                body["messages"] = serde_json::json!(messages);
                if scores {
                    body["logprobs"] = true.into();
                    body["top_logprobs"] = self.options.top_logprobs.into();
                }
                ("/v1/chat/completions", body)
            }
        }
    }

    async fn request(&self, wanted: Wanted, prompt: &str) -> Reply {
        let (path, body) = self.question(wanted, prompt);
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let mut request = self.client.post(url).header(ACCEPT_ENCODING, "identity");
        if let Some(key) = &self.options.api_key {
            request = request.header(AUTHORIZATION, format!("Bearer {}", key.as_str()));
        }
        for (name, value) in &self.options.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let response = match request.json(&body).send().await {
            Ok(response) => response,
            Err(error) => return address::failed(&error),
        };
        let status = response.status();
        let headers = response.headers().clone();
        if status.is_redirection() {
            let location = header(&headers, LOCATION.as_str());
            return Reply::Done(Observation::NoAnswer(NoAnswer::Redirect { location }));
        }
        let encoding = header(&headers, CONTENT_ENCODING.as_str());
        if !matches!(encoding.as_str(), "" | "identity") {
            return Reply::Done(Observation::NoAnswer(NoAnswer::Encoded { encoding }));
        }
        let body = match self.read(response).await {
            Ok(body) => body,
            Err(reply) => return reply,
        };
        if status.is_success() {
            return Reply::Done(match wanted {
                Wanted::Text => completion(&body),
                Wanted::LogProbabilities => log_probabilities(&body),
            });
        }
        let after = header(&headers, RETRY_AFTER.as_str()).parse().ok().map(Duration::from_secs);
        refusal(status.as_u16(), after, &body)
    }

    /// Reads a body up to the limit.
    async fn read(&self, response: reqwest::Response) -> Result<Vec<u8>, Reply> {
        let limit = self.options.limits.body_bytes;
        let too_large = || Reply::Done(Observation::NoAnswer(NoAnswer::TooLarge { limit }));
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| address::failed(&error))?;
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Whether a service refuses `max_tokens` and says what it takes in its place.
fn wants_new_limit(reply: &Reply) -> bool {
    let Reply::Done(Observation::NoAnswer(NoAnswer::Refused { excerpt, .. })) = reply else {
        return false;
    };
    excerpt.contains(MAX_COMPLETION_TOKENS)
}

/// Text of a header, cut; empty if absent.
fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| excerpt(value.as_bytes())).unwrap_or_default()
}

/// Full jitter: between nothing and twice the time of the attempt before, so that many askers do
/// not come back together. A service may ask for more, up to a limit.
fn pause(attempts: u32, after: Option<Duration>, limits: &Limits) -> Duration {
    let ceiling = limits.pause_millis.saturating_mul(1 << attempts.min(10));
    let jittered = Duration::from_millis(rand::rng().random_range(0..=ceiling));
    let asked = after.unwrap_or_default().min(Duration::from_secs(limits.retry_after_seconds));
    jittered.max(asked)
}

#[cfg(test)]
mod tests;
