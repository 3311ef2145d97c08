//! The OpenAI HTTP interface: request bodies in, answers and event streams out.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use oml_engine::{Prompt, Sampling};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::scores::{MOST_SCORED, alternatives, field};
use super::worker::{Piece, Queue, Unavailable, Work};
use crate::gateway::request::Endpoint;
use crate::gateway::sse;

/// Largest request body, in bytes.
const MAX_BODY_BYTES: usize = 4 << 20;
/// Model name that means "the one you have"; what a prover asks for if it knows no better.
const ANY_MODEL: &str = "default";
/// Most stop texts, as in OpenAI's interface.
const MAX_STOPS: usize = 4;

/// State of the server.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) model_name: String,
    pub(super) queue: Queue,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/completions", post(completions))
        .route("/v1/chat/completions", post(chat))
        .route("/livez", get(|| async { "ok\n" }))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shared)
}

/// Fields that change the answer; all others are accepted and ignored, as other servers do.
#[derive(Debug, Deserialize)]
struct Params {
    model: Option<String>,
    prompt: Option<Value>,
    messages: Option<Vec<Message>>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    seed: Option<u64>,
    stop: Option<Value>,
    n: Option<u64>,
    #[serde(default)]
    stream: bool,
    logprobs: Option<Value>,
    top_logprobs: Option<u64>,
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Value,
}

/// An error in OpenAI's form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl ApiError {
    fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    fn body(&self) -> Value {
        json!({"error": {"message": self.message, "type": "invalid_request_error", "code": self.code}})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

async fn models(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let model =
        json!({"id": shared.model_name, "object": "model", "created": 0, "owned_by": "oml"});
    Json(json!({"object": "list", "data": [model]}))
}

async fn completions(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    respond(&shared, Endpoint::Completions, &body).await
}

async fn chat(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    respond(&shared, Endpoint::Chat, &body).await
}

async fn respond(shared: &Shared, endpoint: Endpoint, body: &[u8]) -> Response {
    match begin(shared, endpoint, body).await {
        Ok(answer) if answer.stream => answer.into_stream(),
        Ok(answer) => match answer.whole().await {
            Ok(body) => Json(body).into_response(),
            Err(error) => error.into_response(),
        },
        Err(error) => error.into_response(),
    }
}

/// A request that the model works on.
struct Running {
    endpoint: Endpoint,
    id: String,
    created: u64,
    model: String,
    prompt_tokens: usize,
    stream: bool,
    usage: bool,
    pieces: UnboundedReceiver<Piece>,
}

/// Queues a request and waits until its prompt is accepted, so that a bad one gets a status code.
async fn begin(shared: &Shared, endpoint: Endpoint, body: &[u8]) -> Result<Running, ApiError> {
    let params: Params = serde_json::from_slice(body)
        .map_err(|e| ApiError::bad("bad_request", format!("the body can't be read: {e}")))?;
    if let Some(name) =
        params.model.as_deref().filter(|n| *n != shared.model_name && *n != ANY_MODEL)
    {
        let name: String = name.chars().take(100).collect();
        let message =
            format!("there is no model {name:?} here; this server has {:?}", shared.model_name);
        return Err(ApiError { status: StatusCode::NOT_FOUND, code: "model_not_found", message });
    }
    let (out, mut pieces) = unbounded_channel();
    let work = Work {
        prompt: prompt(endpoint, &params)?,
        max_tokens: max_tokens(&params)?,
        sampling: sampling(&params)?,
        stop: stops(&params)?,
        stream: params.stream,
        scores: scores(endpoint, &params)?,
        out,
    };
    shared.queue.submit(work).map_err(|unavailable| match unavailable {
        Unavailable::Full => ApiError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "overloaded",
            message: "the queue is full; retry later".to_owned(),
        },
        Unavailable::Gone => stopped(),
    })?;
    let prompt_tokens = match pieces.recv().await {
        Some(Piece::Started(tokens)) => tokens,
        Some(Piece::BadPrompt(message)) => return Err(ApiError::bad("bad_prompt", message)),
        Some(Piece::Failed(message)) => return Err(failed(message)),
        _ => return Err(stopped()),
    };
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let prefix = if endpoint == Endpoint::Chat { "chatcmpl" } else { "cmpl" };
    Ok(Running {
        endpoint,
        id: format!("{prefix}-{:016x}", rand::random::<u64>()),
        created,
        model: shared.model_name.clone(),
        prompt_tokens,
        stream: params.stream,
        usage: params.stream_options.is_some_and(|o| o.include_usage),
        pieces,
    })
}

impl Running {
    async fn whole(mut self) -> Result<Value, ApiError> {
        let mut text = String::new();
        let mut logprobs = Value::Null;
        loop {
            match self.pieces.recv().await {
                Some(Piece::Text(more)) => text.push_str(&more),
                Some(Piece::Scores(scores)) => logprobs = field(self.endpoint, &scores),
                Some(Piece::End { tokens, reason }) => {
                    let choice = match self.endpoint {
                        Endpoint::Completions => {
                            json!({"index": 0, "text": text, "finish_reason": reason, "logprobs": logprobs})
                        }
                        Endpoint::Chat => {
                            json!({"index": 0, "finish_reason": reason, "logprobs": logprobs,
                            "message": {"role": "assistant", "content": text}})
                        }
                    };
                    let mut body = self.frame("", json!([choice]));
                    body["usage"] = self.usage_of(tokens);
                    return Ok(body);
                }
                Some(Piece::Failed(message)) => return Err(failed(message)),
                Some(Piece::Started(_) | Piece::BadPrompt(_)) => {}
                None => return Err(stopped()),
            }
        }
    }

    fn into_stream(self) -> Response {
        let events = futures::stream::unfold(Some((self, true)), |state| async move {
            let (mut running, first) = state?;
            let (bytes, more) = running.next_event(first).await;
            Some((Ok::<_, std::convert::Infallible>(bytes), more.then_some((running, false))))
        });
        let mut response = Response::new(Body::from_stream(events.fuse()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    /// The next event or events, and whether more follow.
    async fn next_event(&mut self, first: bool) -> (Bytes, bool) {
        match self.pieces.recv().await {
            Some(Piece::Text(text)) => (self.chunk(Some(&text), None, first), true),
            Some(Piece::End { tokens, reason }) => {
                let mut bytes = self.chunk(None, Some(reason), first).to_vec();
                if self.usage {
                    let mut body = self.frame(".chunk", json!([]));
                    body["usage"] = self.usage_of(tokens);
                    bytes.extend_from_slice(&sse::write(None, &body.to_string()));
                }
                bytes.extend_from_slice(&sse::write(None, "[DONE]"));
                (bytes.into(), false)
            }
            Some(Piece::Started(_) | Piece::BadPrompt(_) | Piece::Scores(_)) => {
                (Bytes::from_static(b": \n\n"), true)
            }
            Some(Piece::Failed(message)) => {
                (sse::write(None, &failed(message).body().to_string()), false)
            }
            None => (sse::write(None, &stopped().body().to_string()), false),
        }
    }

    fn chunk(&self, text: Option<&str>, reason: Option<&str>, first: bool) -> Bytes {
        let choice = match self.endpoint {
            Endpoint::Completions => json!({"index": 0, "text": text.unwrap_or_default(),
                "finish_reason": reason, "logprobs": null}),
            Endpoint::Chat => {
                let mut delta = json!({});
                if first {
                    delta["role"] = json!("assistant");
                }
                if let Some(text) = text {
                    delta["content"] = json!(text);
                }
                json!({"index": 0, "delta": delta, "finish_reason": reason})
            }
        };
        sse::write(None, &self.frame(".chunk", json!([choice])).to_string())
    }

    /// What every body and chunk has. Chunks of plain completions carry the name of whole ones.
    fn frame(&self, chunk: &str, choices: Value) -> Value {
        let object = match self.endpoint {
            Endpoint::Completions => "text_completion".to_owned(),
            Endpoint::Chat => format!("chat.completion{chunk}"),
        };
        json!({"id": self.id, "object": object, "created": self.created, "model": self.model,
            "choices": choices})
    }

    fn usage_of(&self, completion: usize) -> Value {
        json!({"prompt_tokens": self.prompt_tokens, "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion})
    }
}

fn stopped() -> ApiError {
    ApiError {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "stopped",
        message: "the model's worker has stopped".to_owned(),
    }
}

fn failed(message: String) -> ApiError {
    tracing::error!(message, "the model failed");
    ApiError { status: StatusCode::INTERNAL_SERVER_ERROR, code: "model_failed", message }
}

fn prompt(endpoint: Endpoint, params: &Params) -> Result<Prompt, ApiError> {
    if params.n.is_some_and(|n| n != 1) {
        return Err(ApiError::bad("unsupported", "`n` must be 1; send one request per answer"));
    }
    match endpoint {
        Endpoint::Completions => match &params.prompt {
            Some(Value::String(text)) => Ok(Prompt::Text(text.clone())),
            Some(Value::Array(items)) => match items.as_slice() {
                [Value::String(text)] => Ok(Prompt::Text(text.clone())),
                _ => Err(ApiError::bad("unsupported", "`prompt` must be one text")),
            },
            _ => Err(ApiError::bad("bad_request", "`prompt` is missing; send a text")),
        },
        Endpoint::Chat => match params.messages.as_deref() {
            Some(messages @ [_, ..]) => chat_messages(messages),
            _ => Err(ApiError::bad("bad_request", "`messages` is missing or empty")),
        },
    }
}

/// The messages of a conversation, by the names that templates know.
fn chat_messages(messages: &[Message]) -> Result<Prompt, ApiError> {
    let message = |message: &Message| {
        let role = match message.role.as_str() {
            "system" | "developer" => "system",
            role @ ("user" | "assistant") => role,
            other => {
                let message = format!("role {other:?} is unknown; use system, user or assistant");
                return Err(ApiError::bad("bad_request", message));
            }
        };
        Ok(oml_engine::Message::new(role, content(&message.content)?))
    };
    Ok(Prompt::Chat(messages.iter().map(message).collect::<Result<_, _>>()?))
}

fn content(value: &Value) -> Result<String, ApiError> {
    let unsupported = || ApiError::bad("unsupported", "message content must be text");
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
            parts.iter().map(|part| text(part).ok_or_else(unsupported)).collect()
        }
        _ => Err(unsupported()),
    }
}

/// Alternatives per token, where log-probabilities are wanted.
fn scores(endpoint: Endpoint, params: &Params) -> Result<Option<usize>, ApiError> {
    let wanted = alternatives(endpoint, params.logprobs.as_ref(), params.top_logprobs)
        .map_err(|problem| ApiError::bad("bad_request", problem))?;
    if wanted.is_some() && params.stream {
        let message = "log-probabilities come with whole answers only; leave `stream` out";
        return Err(ApiError::bad("unsupported", message));
    }
    if wanted.is_some() && max_tokens(params)? > MOST_SCORED {
        let message = format!("log-probabilities are given for at most {MOST_SCORED} `max_tokens`");
        return Err(ApiError::bad("unsupported", message));
    }
    Ok(wanted)
}

fn max_tokens(params: &Params) -> Result<usize, ApiError> {
    match params.max_completion_tokens.or(params.max_tokens) {
        Some(0) => Err(ApiError::bad("bad_request", "`max_tokens` must be at least 1")),
        Some(tokens) => Ok(tokens),
        None => Ok(16),
    }
}

fn sampling(params: &Params) -> Result<Option<Sampling>, ApiError> {
    let temperature = params.temperature.unwrap_or(1.0);
    let top_p = params.top_p.unwrap_or(1.0);
    if !(0.0..=2.0).contains(&temperature) {
        return Err(ApiError::bad("bad_request", "`temperature` must lie between 0 and 2"));
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(ApiError::bad("bad_request", "`top_p` must lie in (0, 1]"));
    }
    // Below this, probabilities underflow and the choice is greedy anyway.
    if temperature < 1e-4 {
        return Ok(None);
    }
    let seed = params.seed.unwrap_or_else(rand::random);
    Ok(Some(Sampling { temperature, top_p, seed }))
}

fn stops(params: &Params) -> Result<Vec<String>, ApiError> {
    let bad = || {
        let message =
            format!("`stop` must be a text or at most {MAX_STOPS} texts, none of them empty");
        ApiError::bad("bad_request", message)
    };
    let texts = match &params.stop {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.ok_or_else(bad)?
        }
        Some(_) => return Err(bad()),
    };
    if texts.len() > MAX_STOPS || texts.iter().any(String::is_empty) {
        Err(bad())
    } else {
        Ok(texts)
    }
}
