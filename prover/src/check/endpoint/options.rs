//! What asking a service may cost.

use std::num::NonZeroU32;
use zeroize::Zeroizing;

use super::address::{AddressError, Reach};

/// Hard limits. Every one is a bound on what a hostile service can make the asker spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Seconds until a connection stands.
    pub connect_seconds: u64,
    /// Seconds until one whole response is there.
    pub request_seconds: u64,
    /// Seconds for a question with all its attempts.
    pub question_seconds: u64,
    /// Bytes of a response.
    pub body_bytes: u64,
    /// Requests per question, the first one included.
    pub attempts: u32,
    /// Base of the pause between attempts, in milliseconds; doubles each time.
    pub pause_millis: u64,
    /// Longest pause that `Retry-After` can ask for, in seconds.
    pub retry_after_seconds: u64,
    /// Questions asked at a time.
    pub concurrency: usize,
    /// Requests per minute, of all questions together, as a service may allow no more; no limit if
    /// not given.
    pub requests_per_minute: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_seconds: 10,
            request_seconds: 60,
            question_seconds: 180,
            body_bytes: 256 * 1024,
            attempts: 3,
            pause_millis: 500,
            retry_after_seconds: 30,
            concurrency: 4,
            requests_per_minute: None,
        }
    }
}

/// How to ask a service.
#[derive(Clone)]
pub struct EndpointOptions {
    /// Name of the model in the request.
    pub model: String,
    /// Tokens of an answer; a check compares only its first word.
    pub max_tokens: u32,
    /// Tokens that are listed with their log-probabilities for the rank test; services refuse more
    /// than they allow, often 5 or 20.
    pub top_logprobs: u32,
    /// Sent as bearer token, if the service wants one.
    pub api_key: Option<Zeroizing<String>>,
    /// Headers beside, by name; what gets a stranger in. Values are secrets.
    pub headers: Vec<(String, Zeroizing<String>)>,
    /// Whether addresses of the local machine and of private networks may be asked. Only for one's
    /// own services: an address written by someone else could point at one's own database.
    pub allow_private: bool,
    /// What one check may spend on the service.
    pub limits: Limits,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            model: "default".to_owned(),
            max_tokens: 8,
            top_logprobs: 20,
            api_key: None,
            headers: Vec::new(),
            allow_private: false,
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for EndpointOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointOptions")
            .field("model", &self.model)
            .field("max_tokens", &self.max_tokens)
            .field("top_logprobs", &self.top_logprobs)
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("allow_private", &self.allow_private)
            .field("limits", &self.limits)
            .finish()
    }
}

/// Why a service can't be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Its address may not be asked.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A limit of zero.
    #[error("{0} is 0; nothing could be asked, set it to at least 1")]
    Zero(&'static str),
    /// The HTTP client can't be made.
    #[error("the HTTP client can't be made")]
    Client(#[from] reqwest::Error),
}

impl EndpointOptions {
    pub(super) const fn reach(&self) -> Reach {
        if self.allow_private { Reach::Private } else { Reach::Public }
    }

    pub(super) fn check(&self) -> Result<(), EndpointError> {
        let limits = &self.limits;
        let zeros = [
            ("max_tokens", self.max_tokens == 0),
            ("connect_seconds", limits.connect_seconds == 0),
            ("request_seconds", limits.request_seconds == 0),
            ("question_seconds", limits.question_seconds == 0),
            ("body_bytes", limits.body_bytes == 0),
            ("attempts", limits.attempts == 0),
            ("concurrency", limits.concurrency == 0),
        ];
        match zeros.into_iter().find(|(_, zero)| *zero) {
            Some((name, _)) => Err(EndpointError::Zero(name)),
            None => Ok(()),
        }
    }
}
