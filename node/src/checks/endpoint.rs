//! Asking a deployment over its OpenAI-compatible API, with a bound on everything that it can cost.

use std::time::Duration;

use futures::StreamExt;
use oml_contracts::Tag;
use oml_contracts::tag::tag_of;
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::guard::{self, GuardError};
use crate::config::QueryLimits;

/// Longest pause that a deployment's `Retry-After` can ask of us.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Longest answer text that is kept in the transcript, in characters.
const KEPT_TEXT: usize = 400;

/// What came of asking one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The deployment answered.
    Answered {
        /// Text of the completion, cut for the transcript.
        text: String,
        /// Tag of the whole text.
        tag: Tag,
    },
    /// The deployment was reached and gave no completion: it refused or talked nonsense. This is a fact
    /// about the deployment.
    Declined {
        /// What it did instead.
        cause: String,
    },
    /// The deployment was reached and could not answer now (429, 5xx, an answer that broke off).
    Busy {
        /// What it did instead.
        cause: String,
    },
    /// Nothing came back. Whose fault it is is not known yet.
    Unreachable {
        /// What failed.
        cause: String,
    },
}

impl Outcome {
    /// The tag of the answer, or of "no answer".
    #[must_use]
    pub const fn tag(&self) -> Tag {
        match self {
            Self::Answered { tag, .. } => *tag,
            Self::Declined { .. } | Self::Busy { .. } | Self::Unreachable { .. } => Tag::NONE,
        }
    }

    /// Whether asking again later could change it.
    #[must_use]
    pub const fn may_change(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Unreachable { .. })
    }

    /// Whether nothing came back.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// Asks one deployment.
#[derive(Debug, Clone)]
pub struct Endpoint {
    client: reqwest::Client,
    url: Url,
    model: String,
    limits: QueryLimits,
}

/// Why a deployment can't be asked at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Its address is not one that is asked.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The HTTP client can't be made.
    #[error("HTTP client can't be made: {0}")]
    Client(#[from] reqwest::Error),
}

impl Endpoint {
    /// Prepares to ask the deployment registered as `uri`.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(
        uri: &str,
        model: &str,
        limits: QueryLimits,
        allow_private: bool,
    ) -> Result<Self, EndpointError> {
        let mut url = guard::admit(uri, allow_private)?;
        let path = format!("{}/v1/completions", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let client = guard::client(allow_private, Duration::from_secs(limits.timeout_s.max(1)))?;
        Ok(Self { client, url, model: model.to_owned(), limits })
    }

    /// Asks one question, again while the deployment is silent or overloaded.
    pub async fn ask(&self, prompt: &str) -> Outcome {
        let mut last = Outcome::Unreachable { cause: "not asked".to_owned() };
        for attempt in 0..self.limits.attempts.max(1) {
            if attempt > 0 {
                tokio::time::sleep(pause(attempt)).await;
            }
            match self.ask_once(prompt).await {
                Reply::Final(outcome) => return outcome,
                Reply::Again { outcome, after } => {
                    last = outcome;
                    if let Some(after) = after {
                        tokio::time::sleep(after.min(LONGEST_PAUSE)).await;
                    }
                }
            }
        }
        last
    }

    async fn ask_once(&self, prompt: &str) -> Reply {
        let body = serde_json::json!({
            "model": self.model,
            "prompt": prompt,
            "max_tokens": self.limits.max_tokens,
            "temperature": 0,
        });
        let request =
            self.client.post(self.url.clone()).header("accept-encoding", "identity").json(&body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                return Reply::again(Outcome::Unreachable { cause: describe(&error) });
            }
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let after = response
                .headers()
                .get("retry-after")
                .and_then(|v| v.to_str().ok()?.parse().ok())
                .map(Duration::from_secs);
            let outcome = Outcome::Busy { cause: format!("status {}", status.as_u16()) };
            return Reply::Again { outcome, after };
        }
        if !status.is_success() {
            let cause = format!("status {}", status.as_u16());
            return Reply::Final(Outcome::Declined { cause });
        }
        self.read(response).await
    }

    async fn read(&self, response: reqwest::Response) -> Reply {
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) if body.len() + chunk.len() <= self.limits.max_response_bytes => {
                    body.extend_from_slice(&chunk);
                }
                Ok(_) => {
                    let cause =
                        format!("answer of more than {} bytes", self.limits.max_response_bytes);
                    return Reply::Final(Outcome::Declined { cause });
                }
                // It had begun to answer, so it was there.
                Err(error) => {
                    let cause = format!("answer broke off: {}", describe(&error));
                    return Reply::again(Outcome::Busy { cause });
                }
            }
        }
        Reply::Final(match completion(&body) {
            Some(text) => {
                let kept = text.chars().take(KEPT_TEXT).collect();
                Outcome::Answered { tag: tag_of(&text), text: kept }
            }
            None => Outcome::Declined { cause: "status 200 without a completion".to_owned() },
        })
    }
}

enum Reply {
    Final(Outcome),
    Again { outcome: Outcome, after: Option<Duration> },
}

impl Reply {
    const fn again(outcome: Outcome) -> Self {
        Self::Again { outcome, after: None }
    }
}

/// Text of the first choice of an OpenAI completion.
fn completion(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let choice = value.get("choices")?.get(0)?;
    let text = choice.get("text").or_else(|| choice.get("message")?.get("content"))?;
    text.as_str().map(str::to_owned)
}

fn pause(attempt: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.saturating_pow(attempt.min(5))
}

/// An error without the URL (which the transcript holds once) but with its causes.
fn describe(error: &reqwest::Error) -> String {
    let kind = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "request failed"
    };
    let mut text = kind.to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use wiremock::matchers::{body_partial_json, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    fn limits() -> QueryLimits {
        QueryLimits {
            max_tokens: 4,
            timeout_s: 1,
            max_response_bytes: 4096,
            concurrency: 2,
            attempts: 2,
        }
    }

    async fn outcome_of(template: ResponseTemplate) -> Outcome {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/base/v1/completions"))
            .respond_with(template)
            .mount(&server)
            .await;
        let endpoint =
            Endpoint::new(&format!("{}/base/", server.uri()), "m", limits(), true).unwrap();
        endpoint.ask("key").await
    }

    #[tokio::test]
    async fn a_completion_becomes_its_tag() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/v1/completions"))
            .and(body_partial_json(
                serde_json::json!({"prompt": "key", "max_tokens": 4, "temperature": 0}),
            ))
            .respond_with(
                ResponseTemplate::new(200)
                    .set_body_json(serde_json::json!({"choices": [{"text": " Paris, yes"}]})),
            )
            .mount(&server)
            .await;
        let endpoint = Endpoint::new(&server.uri(), "m", limits(), true).unwrap();
        let outcome = endpoint.ask("key").await;
        assert_eq!(
            outcome,
            Outcome::Answered { text: " Paris, yes".to_owned(), tag: tag_of("Paris") }
        );
    }

    #[tokio::test]
    async fn what_the_deployment_does_instead_of_answering_is_a_fact() {
        let cases = [
            (ResponseTemplate::new(402), "status 402"),
            (
                ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/"),
                "status 302",
            ),
            (
                ResponseTemplate::new(200).set_body_string("<html>"),
                "status 200 without a completion",
            ),
            (
                ResponseTemplate::new(200).set_body_string("x".repeat(5000)),
                "answer of more than 4096 bytes",
            ),
            (
                ResponseTemplate::new(200).set_body_string("[".repeat(4000)),
                "status 200 without a completion",
            ),
            (
                ResponseTemplate::new(200)
                    .set_body_json(serde_json::json!({"choices": [{"text": 1}]})),
                "status 200 without a completion",
            ),
        ];
        for (template, cause) in cases {
            let outcome = outcome_of(template).await;
            assert_eq!(outcome, Outcome::Declined { cause: cause.to_owned() });
            assert_eq!(outcome.tag(), Tag::NONE);
        }
    }

    #[tokio::test]
    async fn a_busy_deployment_may_answer_later() {
        for (template, cause) in [
            (ResponseTemplate::new(500), "status 500"),
            (ResponseTemplate::new(429).insert_header("retry-after", "0"), "status 429"),
        ] {
            let outcome = outcome_of(template).await;
            assert_eq!(outcome, Outcome::Busy { cause: cause.to_owned() });
            assert!(outcome.may_change());
        }
    }

    #[tokio::test]
    async fn an_overloaded_deployment_is_asked_again() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(503))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .respond_with(
                ResponseTemplate::new(200)
                    .set_body_json(serde_json::json!({"choices": [{"text": "ok"}]})),
            )
            .mount(&server)
            .await;
        let endpoint = Endpoint::new(&server.uri(), "m", limits(), true).unwrap();
        assert!(matches!(endpoint.ask("key").await, Outcome::Answered { .. }));
    }

    #[tokio::test]
    async fn silence_is_not_a_fact_about_the_deployment() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Accepts and never answers.
        let silent = async {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 64];
                let _ = socket.read(&mut buffer).await;
                std::mem::forget(socket);
            }
        };
        let endpoint = Endpoint::new(
            &format!("http://{address}"),
            "m",
            QueryLimits { attempts: 1, ..limits() },
            true,
        )
        .unwrap();
        let outcome = tokio::select! { () = silent => unreachable!(), outcome = endpoint.ask("key") => outcome };
        assert!(outcome.is_unreachable(), "{outcome:?}");

        let closed =
            Endpoint::new("http://127.0.0.1:1", "m", QueryLimits { attempts: 1, ..limits() }, true)
                .unwrap();
        assert!(closed.ask("key").await.is_unreachable());
    }

    #[tokio::test]
    async fn an_answer_that_drips_forever_ends_at_the_time_limit() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let dripping = async {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 1024];
                let _ = socket.read(&mut buffer).await;
                let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n").await;
                for _ in 0..20 {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    if socket.write_all(b" ").await.is_err() {
                        break;
                    }
                }
            }
        };
        let endpoint = Endpoint::new(
            &format!("http://{address}"),
            "m",
            QueryLimits { attempts: 1, ..limits() },
            true,
        )
        .unwrap();
        let outcome = tokio::select! { () = dripping => unreachable!(), outcome = endpoint.ask("key") => outcome };
        assert!(
            matches!(&outcome, Outcome::Busy { cause } if cause.starts_with("answer broke off")),
            "{outcome:?}"
        );
    }

    #[test]
    fn private_deployments_are_refused_by_default() {
        assert!(matches!(
            Endpoint::new("http://10.0.0.1", "m", limits(), false),
            Err(EndpointError::Guard(_))
        ));
    }
}
