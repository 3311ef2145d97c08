//! What a request asks for, and which of it this server can do.

use oml_engine::{Message, Prompt, Sampling};
use oml_payments::ServedPath;
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use super::error::OpenAiError;
use super::scores::{MOST_SCORED, alternatives};

/// Most stop texts, as in OpenAI's interface.
const MAX_STOPS: usize = 4;

/// Fields that change the answer; all others are accepted and ignored, as other servers do.
#[derive(Debug, Deserialize)]
pub(super) struct CompletionParams {
    pub(super) model: Option<String>,
    pub(super) prompt: Option<Value>,
    pub(super) messages: Option<Vec<ChatMessage>>,
    pub(super) max_tokens: Option<usize>,
    pub(super) max_completion_tokens: Option<usize>,
    pub(super) temperature: Option<f32>,
    pub(super) top_p: Option<f32>,
    pub(super) seed: Option<Number>,
    pub(super) stop: Option<Value>,
    pub(super) n: Option<u64>,
    #[serde(default, deserialize_with = "null_is_absent")]
    pub(super) stream: bool,
    pub(super) logprobs: Option<Value>,
    pub(super) top_logprobs: Option<u64>,
    pub(super) stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    #[serde(default, deserialize_with = "null_is_absent")]
    pub(super) include_usage: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChatMessage {
    pub(super) role: String,
    #[serde(default)]
    pub(super) content: Value,
}

/// Clients send null for what they do not set.
fn null_is_absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

pub(super) fn prompt(path: ServedPath, params: &CompletionParams) -> Result<Prompt, OpenAiError> {
    if params.n.is_some_and(|n| n != 1) {
        return Err(OpenAiError::bad("unsupported", "`n` must be 1; send one request per answer"));
    }
    match path {
        ServedPath::Completions => match &params.prompt {
            Some(Value::String(text)) => Ok(Prompt::Text(text.clone())),
            Some(Value::Array(items)) => match items.as_slice() {
                [Value::String(text)] => Ok(Prompt::Text(text.clone())),
                _ => Err(OpenAiError::bad("unsupported", "`prompt` must be one text")),
            },
            _ => Err(OpenAiError::bad("bad_request", "`prompt` is missing; send a text")),
        },
        ServedPath::Chat => match params.messages.as_deref() {
            Some(messages @ [_, ..]) => chat_messages(messages),
            _ => Err(OpenAiError::bad("bad_request", "`messages` is missing or empty")),
        },
    }
}

/// The messages of a conversation, by the names that templates know.
fn chat_messages(messages: &[ChatMessage]) -> Result<Prompt, OpenAiError> {
    let message = |message: &ChatMessage| {
        let role = match message.role.as_str() {
            "system" | "developer" => "system",
            role @ ("user" | "assistant" | "tool") => role,
            other => {
                let message =
                    format!("role {other:?} is unknown; use system, user, assistant or tool");
                return Err(OpenAiError::bad("bad_request", message));
            }
        };
        Ok(Message::new(role, content(&message.content)?))
    };
    Ok(Prompt::Chat(messages.iter().map(message).collect::<Result<_, _>>()?))
}

fn content(value: &Value) -> Result<String, OpenAiError> {
    let unsupported = || OpenAiError::bad("unsupported", "message content must be text");
    match value {
        Value::String(text) => Ok(text.clone()),
        // A turn that only calls tools says nothing.
        Value::Null => Ok(String::new()),
        Value::Array(parts) => {
            let text = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
            parts.iter().map(|part| text(part).ok_or_else(unsupported)).collect()
        }
        _ => Err(unsupported()),
    }
}

/// Alternatives per token, where log-probabilities are wanted.
pub(super) fn scores(
    path: ServedPath,
    params: &CompletionParams,
) -> Result<Option<usize>, OpenAiError> {
    let wanted = alternatives(path, params.logprobs.as_ref(), params.top_logprobs)
        .map_err(|problem| OpenAiError::bad("bad_request", problem))?;
    if wanted.is_some() && params.stream {
        let message = "log-probabilities come with whole answers only; leave `stream` out";
        return Err(OpenAiError::bad("unsupported", message));
    }
    if wanted.is_some() && max_tokens(params)? > MOST_SCORED {
        let message = format!("log-probabilities are given for at most {MOST_SCORED} `max_tokens`");
        return Err(OpenAiError::bad("unsupported", message));
    }
    Ok(wanted)
}

pub(super) fn max_tokens(params: &CompletionParams) -> Result<usize, OpenAiError> {
    match params.max_completion_tokens.or(params.max_tokens) {
        Some(0) => Err(OpenAiError::bad("bad_request", "`max_tokens` must be at least 1")),
        Some(tokens) => Ok(tokens),
        None => Ok(16),
    }
}

pub(super) fn sampling(params: &CompletionParams) -> Result<Option<Sampling>, OpenAiError> {
    let temperature = params.temperature.unwrap_or(1.0);
    let top_p = params.top_p.unwrap_or(1.0);
    if !(0.0..=2.0).contains(&temperature) {
        return Err(OpenAiError::bad("bad_request", "`temperature` must lie between 0 and 2"));
    }
    if !(top_p > 0.0 && top_p <= 1.0) {
        return Err(OpenAiError::bad("bad_request", "`top_p` must lie in (0, 1]"));
    }
    // Below this, probabilities underflow and the choice is greedy anyway.
    if temperature < 1e-4 {
        return Ok(None);
    }
    let seed = seed(params.seed.as_ref())?.unwrap_or_else(rand::random);
    Ok(Some(Sampling { temperature, top_p, seed }))
}

/// A seed that is asked for; -1 asks for any, as other servers take it.
fn seed(asked: Option<&Number>) -> Result<Option<u64>, OpenAiError> {
    match asked {
        None => Ok(None),
        Some(number) if number.as_i64() == Some(-1) => Ok(None),
        Some(number) => number.as_u64().map(Some).ok_or_else(|| {
            let message = format!("`seed` is {number}, but must be a whole number from -1");
            OpenAiError::bad("bad_request", message)
        }),
    }
}

pub(super) fn stops(params: &CompletionParams) -> Result<Vec<String>, OpenAiError> {
    let bad = || {
        let message =
            format!("`stop` must be a text or at most {MAX_STOPS} texts, none of them empty");
        OpenAiError::bad("bad_request", message)
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
