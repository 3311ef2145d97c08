//! What an endpoint does instead of answering, in its own words.

use crate::causes::with_causes;
use alloy::transports::{RpcError, TransportError, TransportErrorKind};
use std::error::Error;
use std::sync::Arc;

/// Longest part of an answer that an error repeats, in characters: some answer with a whole page,
/// or with a block.
const MAX_SAID: usize = 200;
/// Status of HTTP, and code of some endpoints' JSON-RPC errors, for a client that asks too often.
const TOO_MANY_REQUESTS: u16 = 429;

/// Why an endpoint gave no answer. It repeats no URL, which may hold a key, and shows its cause
/// itself: a cause is cut to what a person reads, so it is no source that is shown after it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EndpointFailure {
    /// It was asked too often.
    #[error("the endpoint limits how often it may be asked ({TOO_MANY_REQUESTS}){}", after(.said))]
    TooManyRequests {
        /// What it said.
        said: String,
    },
    /// It wants a key, or another one.
    #[error("the endpoint does not let this client in (HTTP {status}){}", after(.said))]
    Denied {
        /// Status of HTTP.
        status: u16,
        /// What it said.
        said: String,
    },
    /// It answered with another status than success.
    #[error("the endpoint answered with HTTP {status}{}", after(.said))]
    Status {
        /// Status of HTTP.
        status: u16,
        /// What it said.
        said: String,
    },
    /// It answered with a page for people.
    #[error("an HTML page came instead of a JSON-RPC answer{}", after(.said))]
    WebPage {
        /// How the page begins.
        said: String,
        /// Why it is no JSON.
        cause: Arc<serde_json::Error>,
    },
    /// It answered with something that can't be read.
    #[error("the endpoint's answer can't be read ({cause}){}", after(.said))]
    Unreadable {
        /// How the answer begins.
        said: String,
        /// What is wrong with it.
        cause: Arc<serde_json::Error>,
    },
    /// It understood the request and refused it.
    #[error("the endpoint refuses (code {code}){}", after(.said))]
    Refused {
        /// Code of the JSON-RPC error.
        code: i64,
        /// What it said.
        said: String,
    },
    /// No connection, or it broke.
    #[error("the endpoint can't be reached: {}", with_causes(cause.as_ref()))]
    Unreachable {
        /// What the network says.
        cause: Arc<dyn Error + Send + Sync>,
    },
    /// It gave no answer in the time that a request has.
    #[error("the endpoint gave no answer in {seconds} s")]
    Slow {
        /// How long was waited.
        seconds: u64,
    },
    /// The request failed before or after the network.
    #[error("the request failed: {}", with_causes(cause.as_ref()))]
    Local {
        /// Where it failed.
        cause: Arc<TransportError>,
    },
}

impl EndpointFailure {
    /// Whether it understood the request and would rather have another.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Status { status: 400 | 413 | 422, .. })
    }

    /// What whoever configured the endpoint can do about it; nothing where it said itself what is
    /// wrong.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::TooManyRequests { .. } => {
                Some("wait a while, or name an endpoint that allows more requests")
            }
            Self::Denied { .. } => Some("check the key in the endpoint's URL"),
            Self::Status { .. } | Self::WebPage { .. } | Self::Unreadable { .. } => Some(
                "something answers there, but not as a chain's endpoint does: check the URL and its \
                 path, or try again later",
            ),
            Self::Refused { .. } | Self::Local { .. } => None,
            Self::Unreachable { .. } | Self::Slow { .. } => {
                Some("check the URL and that the endpoint runs")
            }
        }
    }

    fn of_http(status: u16, body: &str) -> Self {
        let said = shortened(body);
        match status {
            TOO_MANY_REQUESTS => Self::TooManyRequests { said },
            401 | 403 => Self::Denied { status, said },
            _ => Self::Status { status, said },
        }
    }

    fn of_transport(error: TransportErrorKind) -> Self {
        match error {
            TransportErrorKind::HttpError(error)
            | TransportErrorKind::HttpErrorWithRetryAfter { error, .. } => {
                Self::of_http(error.status, &error.body)
            }
            TransportErrorKind::Custom(source) | TransportErrorKind::NonRetryable(source) => {
                // Whoever watches the endpoint has read it already.
                let source = match source.downcast::<Self>() {
                    Ok(read) => return *read,
                    Err(source) => source,
                };
                let cause: Box<dyn Error + Send + Sync> = match source.downcast::<reqwest::Error>()
                {
                    Ok(error) => Box::new(error.without_url()),
                    Err(other) => other,
                };
                Self::Unreachable { cause: cause.into() }
            }
            TransportErrorKind::MissingBatchResponse(_) => {
                Self::Refused { code: 0, said: "it answered only a part of a batch".to_owned() }
            }
            other => Self::Unreachable { cause: Arc::new(other) },
        }
    }
}

impl From<TransportError> for EndpointFailure {
    fn from(error: TransportError) -> Self {
        match error {
            RpcError::ErrorResp(error) if error.code == i64::from(TOO_MANY_REQUESTS) => {
                Self::TooManyRequests { said: shortened(&error.message) }
            }
            RpcError::ErrorResp(error) => {
                Self::Refused { code: error.code, said: shortened(&error.message) }
            }
            RpcError::DeserError { err, text } => {
                let (said, cause) = (shortened(&text), Arc::new(err));
                if text.trim_start().starts_with('<') {
                    Self::WebPage { said, cause }
                } else {
                    Self::Unreadable { said, cause }
                }
            }
            RpcError::Transport(error) => Self::of_transport(error),
            other => Self::Local { cause: Arc::new(other) },
        }
    }
}

/// The beginning of an answer on one line, without what a terminal would obey.
fn shortened(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(MAX_SAID) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn after(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(code: i64, message: &str) -> EndpointFailure {
        let payload = json!({ "code": code, "message": message });
        TransportError::ErrorResp(serde_json::from_value(payload).unwrap()).into()
    }

    fn unreadable(text: &str) -> EndpointFailure {
        let error = serde_json::from_str::<u8>(text).unwrap_err();
        TransportError::deser_err(error, text).into()
    }

    #[test]
    fn every_failure_says_what_it_is_in_the_endpoints_words() {
        let http = |status, body: &str| {
            EndpointFailure::from(TransportErrorKind::http_error(status, body.to_owned()))
        };
        for (failure, shown, remedy) in [
            (http(429, "{\"error\":\"rate limited\"}"), "rate limited", Some("wait a while")),
            (refused(429, "over quota"), "often it may be asked (429): over quota", Some("wait")),
            (http(401, ""), "does not let this client in (HTTP 401)", Some("key")),
            (http(503, "<b>down\n</b>"), "HTTP 503: <b>down </b>", Some("not as a chain's")),
            (unreadable("<html>down</html>"), "an HTML page came", Some("not as a chain's")),
            (unreadable("nothing"), "can't be read", Some("not as a chain's")),
            (refused(-32000, "header not found"), "(code -32000): header not found", None),
        ] {
            let text = failure.to_string();
            assert!(text.contains(shown), "{text}");
            let found = failure.remedy();
            assert_eq!(found.is_some(), remedy.is_some(), "{text}");
            assert!(found.unwrap_or_default().contains(remedy.unwrap_or_default()), "{found:?}");
        }
    }

    #[test]
    fn only_what_was_understood_is_a_refusal() {
        assert!(refused(-32602, "query exceeds max block range 10").is_refusal());
        assert!(!refused(429, "slow down").is_refusal());
        assert!(!unreadable("<html>").is_refusal());
        let http =
            |status| EndpointFailure::from(TransportErrorKind::http_error(status, "".into()));
        assert!(http(413).is_refusal());
        assert!(!http(502).is_refusal());
    }

    #[test]
    fn a_long_answer_is_cut_and_stays_on_one_line() {
        let text = unreadable(&format!("<p>\u{1b}[2J{}", "word\n".repeat(1_000))).to_string();
        assert!(text.len() < 400 && text.ends_with('…'), "{text}");
        assert!(!text.contains(['\n', '\u{1b}']), "{text:?}");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_away_is_named_without_its_key() {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let error = client.get("http://127.0.0.1:1/v3/SECRET").send().await.unwrap_err();
        let failure = EndpointFailure::from(TransportErrorKind::custom(error));
        let text = failure.to_string();
        assert!(text.contains("can't be reached"), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
        assert!(!format!("{failure:?}").contains("SECRET"), "{failure:?}");
    }
}
