//! The server behind the gateway, spoken to over plain OpenAI HTTP.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use oml_payments::{MeteredRequest, ServedPath};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::answers::UpstreamFailure;

/// Largest answer that is not streamed, in bytes.
const MAX_BODY_BYTES: usize = 16 << 20;
/// Longest part of an upstream's error that a client sees, in characters.
const MAX_ERROR_CHARS: usize = 500;

/// A client of one upstream.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    http: reqwest::Client,
    base: String,
    model: Option<String>,
    timeout: Duration,
}

impl Upstream {
    /// `base` is the upstream's URL without `/v1`.
    pub(super) fn new(
        base: &str,
        model: Option<String>,
        timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .build()?;
        let base = base.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Ok(Self { http, base, model, timeout })
    }

    /// Whether every request goes to one model, whatever the client names.
    pub(super) const fn fixes_model(&self) -> bool {
        self.model.is_some()
    }

    /// When a request that starts now must be over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Sends a request; the answer's head arrived and is a success.
    pub(super) async fn send(
        &self,
        request: &MeteredRequest,
        deadline: Instant,
    ) -> Result<reqwest::Response, UpstreamFailure> {
        let sent = self
            .http
            .post(format!("{}{}", self.base, request.path.path()))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(reqwest::header::ACCEPT_ENCODING, "identity")
            .body(bounded_body(request, self.model.as_deref()))
            .send();
        let response = within(deadline, sent).await?;
        let status = response.status().as_u16();
        match status {
            200..=299 => plain(response),
            400 | 404 | 413 | 422 => {
                let body = body(response, deadline).await.unwrap_or_default();
                Err(UpstreamFailure::Refused { status, message: message(&body) })
            }
            _ => Err(UpstreamFailure::Failed { status }),
        }
    }

    /// The list of models, as the upstream has it.
    pub(super) async fn models(&self) -> Result<Bytes, UpstreamFailure> {
        let deadline = Instant::now() + Duration::from_secs(10).min(self.timeout);
        let sent = self.http.get(format!("{}/v1/models", self.base)).send();
        let response = within(deadline, sent).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(UpstreamFailure::Failed { status: status.as_u16() });
        }
        body(response, deadline).await
    }
}

/// An answer that is not compressed. What was counted and hashed would not be what the client
/// reads.
fn plain(response: reqwest::Response) -> Result<reqwest::Response, UpstreamFailure> {
    let coding = response.headers().get(reqwest::header::CONTENT_ENCODING);
    let coding = coding.and_then(|value| value.to_str().ok()).unwrap_or("identity").trim();
    if coding.is_empty() || coding.eq_ignore_ascii_case("identity") {
        return Ok(response);
    }
    let coding: String = coding.chars().filter(|c| !c.is_control()).take(20).collect();
    let cause = format!("it is compressed ({coding}) although it was asked for uncompressed");
    Err(UpstreamFailure::Unusable(cause.into()))
}

/// The body for the upstream: bounded answer, usage asked for, its own model name.
fn bounded_body(request: &MeteredRequest, model: Option<&str>) -> Vec<u8> {
    let mut body = request.body().clone();
    // Only chats have `max_completion_tokens`; a server that continues a text ignores it, and its
    // own default would bound the answer.
    let newer = body.remove("max_completion_tokens").is_some_and(|value| !value.is_null());
    let field = if newer && request.path == ServedPath::Chat {
        body.remove("max_tokens");
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    body.insert(field.to_owned(), json!(request.max_tokens));
    if let Some(model) = model {
        body.insert("model".to_owned(), json!(model));
    }
    if request.stream {
        let options = body.entry("stream_options").or_insert_with(|| json!({}));
        match options.as_object_mut() {
            Some(options) => {
                options.insert("include_usage".to_owned(), json!(true));
            }
            None => *options = json!({"include_usage": true}),
        }
    }
    // A map of JSON values always has a JSON text.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Reads a whole body, bounded in size and time.
pub(super) async fn body(
    mut response: reqwest::Response,
    deadline: Instant,
) -> Result<Bytes, UpstreamFailure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = within(deadline, response.chunk()).await? {
        if bytes.len() + chunk.len() > MAX_BODY_BYTES {
            let cause = format!("it is longer than {MAX_BODY_BYTES} bytes");
            return Err(UpstreamFailure::Unusable(cause.into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Awaits the upstream, at most until the deadline.
pub(super) async fn within<T>(
    deadline: Instant,
    answer: impl Future<Output = Result<T, reqwest::Error>>,
) -> Result<T, UpstreamFailure> {
    match timeout_at(deadline, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.is_timeout() => Err(UpstreamFailure::Timeout),
        Ok(Err(error)) => Err(UpstreamFailure::Unreachable(error.without_url())),
        Err(_) => Err(UpstreamFailure::Timeout),
    }
}

/// The upstream's own words on why it refused, without control characters.
fn message(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let found = parsed.as_ref().and_then(|v| {
        let error = v.get("error").unwrap_or(v);
        error.get("message").unwrap_or(error).as_str().map(ToOwned::to_owned)
    });
    let text = found.unwrap_or_else(|| "it gave no reason".to_owned());
    text.chars().filter(|c| !c.is_control()).take(MAX_ERROR_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_payments::{ServedPath, TokenLimits};

    fn parse_at(path: ServedPath, body: &Value) -> MeteredRequest {
        let limits = TokenLimits { default_max_tokens: 16, max_tokens_cap: 100 };
        MeteredRequest::parse(path, &body.to_string().into_bytes(), &limits).unwrap()
    }

    fn parse(body: &Value) -> MeteredRequest {
        parse_at(ServedPath::Completions, body)
    }

    #[test]
    fn the_upstream_gets_a_bounded_request_that_reports_usage() {
        let body = json!({"model": "m", "prompt": "hi", "stream": true, "temperature": 0.5});
        let request = parse(&body);
        assert!(request.stream && !request.wants_usage);
        let sent: Value = serde_json::from_slice(&bounded_body(&request, Some("u"))).unwrap();
        let expected = json!({"model": "u", "prompt": "hi", "stream": true, "temperature": 0.5,
            "max_tokens": 16, "stream_options": {"include_usage": true}});
        assert_eq!(sent, expected);
    }

    /// A server that continues texts got only `max_completion_tokens`, and answered at its own
    /// length.
    #[test]
    fn the_bound_of_an_answer_has_the_name_that_its_path_knows() {
        let messages = json!([{"role": "user", "content": "hi"}]);
        let (text, chat) = (ServedPath::Completions, ServedPath::Chat);
        for (path, sent, newer, older) in [
            (text, json!({"max_completion_tokens": 24}), None, Some(24)),
            (text, json!({"max_tokens": 7, "max_completion_tokens": 9}), None, Some(9)),
            (text, json!({"max_tokens": 7}), None, Some(7)),
            (text, json!({"max_completion_tokens": null}), None, Some(16)),
            (chat, json!({"max_tokens": 7, "max_completion_tokens": 9}), Some(9), None),
            (chat, json!({"max_tokens": 7, "max_completion_tokens": null}), None, Some(7)),
            (chat, json!({}), None, Some(16)),
        ] {
            let mut body = sent.clone();
            match path {
                ServedPath::Completions => body["prompt"] = json!("hi"),
                ServedPath::Chat => body["messages"] = messages.clone(),
            }
            let request = parse_at(path, &body);
            let out: Value = serde_json::from_slice(&bounded_body(&request, None)).unwrap();
            let found = |field: &str| out.get(field).map(|value| value.as_u64().unwrap());
            assert_eq!(found("max_completion_tokens"), newer, "{path:?} {sent}");
            assert_eq!(found("max_tokens"), older, "{path:?} {sent}");
        }
    }
}
