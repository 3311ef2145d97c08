//! The OpenAI HTTP interface: request bodies in, answers and event streams out.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use oml_payments::{ServedPath, sse};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::error::OpenAiError;
use super::params::{CompletionParams, max_tokens, prompt, sampling, scores, stops};
use super::scores::field;
use super::worker::{Piece, Queue, Unavailable, Work};
use crate::clock::unix_now;

/// Largest request body, in bytes.
const MAX_BODY_BYTES: usize = 4 << 20;
/// Model name that means "the one you have"; what a prover asks for if it knows no better.
const ANY_MODEL: &str = "default";
/// State of the server.
#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) model_name: String,
    pub(super) queue: Queue,
}

pub(super) fn router(shared: Arc<ServerState>) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/completions", post(completions))
        .route("/v1/chat/completions", post(chat))
        .route("/livez", get(|| async { "ok\n" }))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shared)
}

async fn models(State(shared): State<Arc<ServerState>>) -> Json<Value> {
    let model =
        json!({"id": shared.model_name, "object": "model", "created": 0, "owned_by": "oml"});
    Json(json!({"object": "list", "data": [model]}))
}

async fn completions(State(shared): State<Arc<ServerState>>, body: Bytes) -> Response {
    respond(&shared, ServedPath::Completions, &body).await
}

async fn chat(State(shared): State<Arc<ServerState>>, body: Bytes) -> Response {
    respond(&shared, ServedPath::Chat, &body).await
}

async fn respond(shared: &ServerState, path: ServedPath, body: &[u8]) -> Response {
    match begin(shared, path, body).await {
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
    path: ServedPath,
    id: String,
    created: u64,
    model: String,
    prompt_tokens: usize,
    stream: bool,
    usage: bool,
    pieces: UnboundedReceiver<Piece>,
}

/// Queues a request and waits until its prompt is accepted, so that a bad one gets a status code.
async fn begin(
    shared: &ServerState,
    path: ServedPath,
    body: &[u8],
) -> Result<Running, OpenAiError> {
    let params: CompletionParams = serde_json::from_slice(body)
        .map_err(|e| OpenAiError::bad("bad_request", format!("the body can't be read: {e}")))?;
    refuse_other_model(shared, &params)?;
    let (out, mut pieces) = unbounded_channel();
    let work = Work {
        prompt: prompt(path, &params)?,
        max_tokens: max_tokens(&params)?,
        sampling: sampling(&params)?,
        stop: stops(&params)?,
        stream: params.stream,
        scores: scores(path, &params)?,
        out,
    };
    shared.queue.submit(work).map_err(|unavailable| match unavailable {
        Unavailable::Full => OpenAiError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "overloaded",
            message: "the queue is full; retry later".to_owned(),
        },
        Unavailable::Gone => stopped(),
    })?;
    let prompt_tokens = match pieces.recv().await {
        Some(Piece::Started(tokens)) => tokens,
        Some(Piece::BadPrompt(message)) => return Err(OpenAiError::bad("bad_prompt", message)),
        Some(Piece::Failed(message)) => return Err(failed(message)),
        _ => return Err(stopped()),
    };
    let prefix = if path == ServedPath::Chat { "chatcmpl" } else { "cmpl" };
    Ok(Running {
        path,
        id: format!("{prefix}-{:016x}", rand::random::<u64>()),
        created: unix_now(),
        model: shared.model_name.clone(),
        prompt_tokens,
        stream: params.stream,
        usage: params.stream_options.is_some_and(|o| o.include_usage),
        pieces,
    })
}

impl Running {
    async fn whole(mut self) -> Result<Value, OpenAiError> {
        let mut text = String::new();
        let mut logprobs = Value::Null;
        loop {
            match self.pieces.recv().await {
                Some(Piece::Text(more)) => text.push_str(&more),
                Some(Piece::Scores(scores)) => logprobs = field(self.path, &scores),
                Some(Piece::End { tokens, reason }) => {
                    let choice = match self.path {
                        ServedPath::Completions => {
                            json!({"index": 0, "text": text, "finish_reason": reason, "logprobs": logprobs})
                        }
                        ServedPath::Chat => {
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
        let choice = match self.path {
            ServedPath::Completions => json!({"index": 0, "text": text.unwrap_or_default(),
                "finish_reason": reason, "logprobs": null}),
            ServedPath::Chat => {
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
        let object = match self.path {
            ServedPath::Completions => "text_completion".to_owned(),
            ServedPath::Chat => format!("chat.completion{chunk}"),
        };
        json!({"id": self.id, "object": object, "created": self.created, "model": self.model,
            "choices": choices})
    }

    fn usage_of(&self, completion: usize) -> Value {
        json!({"prompt_tokens": self.prompt_tokens, "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion})
    }
}

fn refuse_other_model(shared: &ServerState, params: &CompletionParams) -> Result<(), OpenAiError> {
    if let Some(name) =
        params.model.as_deref().filter(|n| *n != shared.model_name && *n != ANY_MODEL)
    {
        let name: String = name.chars().take(100).collect();
        let message =
            format!("there is no model {name:?} here; this server has {:?}", shared.model_name);
        return Err(OpenAiError {
            status: StatusCode::NOT_FOUND,
            code: "model_not_found",
            message,
        });
    }
    Ok(())
}

fn stopped() -> OpenAiError {
    OpenAiError {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "stopped",
        message: "the model's worker has stopped".to_owned(),
    }
}

fn failed(message: String) -> OpenAiError {
    tracing::error!(message, "the model failed");
    OpenAiError { status: StatusCode::INTERNAL_SERVER_ERROR, code: "model_failed", message }
}
