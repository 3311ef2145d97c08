//! Reads an OpenAI request as far as its payment depends on it.

use oml_contracts::hash::{key_hash, plain_request_hash, request_hash};
use oml_contracts::{ModelId, RequestHash};
use serde_json::{Map, Value};
use std::borrow::Cow;

use crate::canonical::{canonical_json, has_fraction};
use crate::count::TokenCounter;

/// The two metered routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedPath {
    /// `POST /v1/completions`, which continues a text.
    Completions,
    /// `POST /v1/chat/completions`, which answers messages.
    Chat,
}

impl ServedPath {
    /// Path on gateway and upstream.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Completions => "/v1/completions",
            Self::Chat => "/v1/chat/completions",
        }
    }

    /// Text of the answer in the first choice of a body or of a chunk. A message in parts is their
    /// texts one after the other.
    #[must_use]
    pub fn answer(self, body: &Value) -> Option<Cow<'_, str>> {
        let choice = body.get("choices")?.get(0)?;
        let content = match self {
            Self::Completions => choice.get("text")?,
            Self::Chat => choice.get("delta").or_else(|| choice.get("message"))?.get("content")?,
        };
        match content {
            Value::String(text) => Some(text.into()),
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                Some(texts.collect::<String>().into())
            }
            _ => None,
        }
    }
}

/// Bounds on what a client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// Answer length if the client names none.
    pub default_max_tokens: u64,
    /// Longest answer that a client may ask for.
    pub max_tokens_cap: u64,
}

/// What a plain request may hold. How long the answer may be changes no word of it but the last.
const PLAIN_FIELDS: [&str; 10] = [
    "model",
    "prompt",
    "messages",
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "n",
    "best_of",
];

/// A request that can't be metered.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or not an object.
    #[error("the body is no JSON object: {0}")]
    NotJson(#[source] serde_json::Error),
    /// A field is missing or of a wrong kind.
    #[error("field `{field}` {advice}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What is wrong and what to send.
        advice: String,
    },
}

/// A request whose payment can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct MeteredRequest {
    /// Route that it was sent to.
    pub path: ServedPath,
    /// The text that the voucher names: the prompt, or the canonical JSON of the messages.
    pub prompt: String,
    /// Longest answer, in tokens.
    pub max_tokens: u64,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether the client itself asked for the usage chunk of a stream.
    pub wants_usage: bool,
    body: Map<String, Value>,
}

impl MeteredRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`RequestError`], which names the field and what to send.
    pub fn parse(
        path: ServedPath,
        body: &[u8],
        limits: &TokenLimits,
    ) -> Result<Self, RequestError> {
        let body: Map<String, Value> =
            serde_json::from_slice(body).map_err(RequestError::NotJson)?;
        refuse_unmetered(&body)?;
        let prompt = match path {
            ServedPath::Completions => prompt_text(&body)?,
            ServedPath::Chat => messages_text(&body)?,
        };
        let usage = body.get("stream_options").and_then(|o| o.get("include_usage"));
        Ok(Self {
            path,
            prompt,
            max_tokens: max_tokens(&body, limits)?,
            stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
            wants_usage: usage.and_then(Value::as_bool).unwrap_or(false),
            body,
        })
    }

    /// Hash that the voucher must name.
    #[must_use]
    pub fn hash(&self, model: ModelId) -> RequestHash {
        request_hash(model, key_hash(&self.prompt))
    }

    /// Hash that the voucher may name instead if the request is plain: answered greedily and
    /// nothing in it but its prompt, so that whoever asks has no say in the answer. The receipt
    /// then says so too.
    #[must_use]
    pub fn plain_hash(&self, model: ModelId) -> Option<RequestHash> {
        let plain = self.body.get("temperature").and_then(Value::as_f64) == Some(0.0)
            && self.body.keys().all(|field| PLAIN_FIELDS.contains(&field.as_str()));
        plain.then(|| plain_request_hash(model, key_hash(&self.prompt)))
    }

    /// Tokens of the prompt. Messages have four more each, for the marks of a chat template.
    #[must_use]
    pub fn count_prompt(&self, counter: &dyn TokenCounter) -> u64 {
        match self.body.get("messages").and_then(Value::as_array) {
            Some(messages) if self.path == ServedPath::Chat => messages
                .iter()
                .map(|message| 4 + texts(message).map(|text| counter.count(text)).sum::<u64>())
                .sum(),
            _ => counter.count(&self.prompt),
        }
    }

    /// Every field as it came.
    #[must_use]
    pub const fn body(&self) -> &Map<String, Value> {
        &self.body
    }
}

/// Several answers, or a prompt that the request hash would not cover, can't be metered as one.
fn refuse_unmetered(body: &Map<String, Value>) -> Result<(), RequestError> {
    for field in ["n", "best_of"] {
        if body.get(field).is_some_and(|v| !v.is_null() && v.as_u64() != Some(1)) {
            let advice = "must be 1 here; send one request and voucher per answer".to_owned();
            return Err(RequestError::Field { field, advice });
        }
    }
    let set = |field: &str| {
        body.get(field).is_some_and(|v| !matches!(v, Value::Null | Value::Bool(false)))
    };
    for field in ["suffix", "echo"] {
        if set(field) {
            let advice = "is not supported; put the whole text into `prompt`".to_owned();
            return Err(RequestError::Field { field, advice });
        }
    }
    Ok(())
}

fn prompt_text(body: &Map<String, Value>) -> Result<String, RequestError> {
    let one = match body.get("prompt") {
        Some(Value::Array(items)) if items.len() == 1 => items.first(),
        other => other,
    };
    match one {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(RequestError::Field {
            field: "prompt",
            advice: "must be one text that is not empty; lists and token ids can't be metered"
                .to_owned(),
        }),
    }
}

fn messages_text(body: &Map<String, Value>) -> Result<String, RequestError> {
    match body.get("messages") {
        Some(messages @ Value::Array(_)) if has_fraction(messages) => Err(RequestError::Field {
            field: "messages",
            advice: "has a number with a fraction, which has no certain hash; send it as text"
                .to_owned(),
        }),
        Some(messages @ Value::Array(items)) if !items.is_empty() => Ok(canonical_json(messages)),
        _ => Err(RequestError::Field {
            field: "messages",
            advice: "must be a list with at least one message".to_owned(),
        }),
    }
}

fn max_tokens(body: &Map<String, Value>, limits: &TokenLimits) -> Result<u64, RequestError> {
    let named = ["max_completion_tokens", "max_tokens"]
        .into_iter()
        .find_map(|field| body.get(field).filter(|v| !v.is_null()).map(|v| (field, v)));
    let Some((field, value)) = named else {
        return Ok(limits.default_max_tokens.min(limits.max_tokens_cap));
    };
    match value.as_u64() {
        Some(tokens) if (1..=limits.max_tokens_cap).contains(&tokens) => Ok(tokens),
        _ => Err(RequestError::Field {
            field,
            advice: format!("is {value}, but must lie between 1 and {}", limits.max_tokens_cap),
        }),
    }
}

/// Every text inside a message, at any depth that `serde_json` accepts.
fn texts(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(items) => Box::new(items.iter().flat_map(texts)),
        Value::Object(map) => Box::new(map.values().flat_map(texts)),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::ByteEstimate;
    use serde_json::json;

    const LIMITS: TokenLimits = TokenLimits { default_max_tokens: 16, max_tokens_cap: 100 };

    fn parse(path: ServedPath, body: &Value) -> Result<MeteredRequest, RequestError> {
        MeteredRequest::parse(path, body.to_string().as_bytes(), &LIMITS)
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_keys() {
        let model = ModelId::new([7; 32]);
        let one = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
        let two = r#"{"max_tokens":3,"messages":[ {"content":"hi","role":"user"} ]}"#;
        let parse =
            |text: &str| MeteredRequest::parse(ServedPath::Chat, text.as_bytes(), &LIMITS).unwrap();
        assert_eq!(parse(one).hash(model), parse(two).hash(model));
        let text = r#"[{"content":"hi","role":"user"}]"#;
        assert_eq!(parse(one).hash(model), request_hash(model, key_hash(text)));
        assert_eq!(parse(one).count_prompt(&ByteEstimate), 4 + 1 + 1);
    }

    #[test]
    fn only_a_request_without_a_say_in_the_answer_is_plain() {
        let model = ModelId::new([7; 32]);
        let plain = |body: Value| parse(ServedPath::Completions, &body).unwrap().plain_hash(model);
        let hash = plain_request_hash(model, key_hash("hi"));
        assert_ne!(hash, request_hash(model, key_hash("hi")));
        for body in [
            json!({"prompt": "hi", "temperature": 0}),
            json!({"prompt": "hi", "temperature": 0.0, "model": "m", "max_tokens": 9, "stream": true,
                "stream_options": {"include_usage": true}, "n": 1}),
        ] {
            assert_eq!(plain(body.clone()), Some(hash), "{body}");
        }
        for body in [
            json!({"prompt": "hi"}),
            json!({"prompt": "hi", "temperature": 0.5}),
            json!({"prompt": "hi", "temperature": "0"}),
            json!({"prompt": "hi", "temperature": 0, "logit_bias": {"5": 100}}),
            json!({"prompt": "hi", "temperature": 0, "guided_choice": ["yes"]}),
            json!({"prompt": "hi", "temperature": 0, "stop": ["a"]}),
            json!({"prompt": "hi", "temperature": 0, "seed": 1}),
        ] {
            assert_eq!(plain(body.clone()), None, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_metered_is_refused_by_name() {
        for (path, body, named) in [
            (ServedPath::Completions, json!({"prompt": "a", "n": 2}), "`n`"),
            (ServedPath::Completions, json!({"prompt": "a", "best_of": 3}), "`best_of`"),
            (ServedPath::Completions, json!({"prompt": "a", "suffix": "b"}), "`suffix`"),
            (ServedPath::Completions, json!({"prompt": "a", "echo": true}), "`echo`"),
            (ServedPath::Completions, json!({"prompt": ["a", "b"]}), "`prompt`"),
            (ServedPath::Completions, json!({"prompt": [1, 2]}), "`prompt`"),
            (ServedPath::Completions, json!({}), "`prompt`"),
            (ServedPath::Completions, json!({"prompt": "a", "max_tokens": 101}), "`max_tokens`"),
            (ServedPath::Completions, json!({"prompt": "a", "max_tokens": 0}), "`max_tokens`"),
            (ServedPath::Completions, json!({"prompt": "a", "max_tokens": -1}), "`max_tokens`"),
            (ServedPath::Chat, json!({"messages": []}), "`messages`"),
            (ServedPath::Chat, json!({"messages": [{"content": 0.5}]}), "`messages` has a number"),
            (ServedPath::Chat, json!([1]), "JSON object"),
        ] {
            let error = parse(path, &body).unwrap_err().to_string();
            assert!(error.contains(named), "{body}: {error}");
        }
        let fine = json!({"prompt": ["a"], "n": 1, "suffix": null, "echo": false});
        assert_eq!(parse(ServedPath::Completions, &fine).unwrap().prompt, "a");
    }

    #[test]
    fn answers_are_found_in_bodies_and_chunks() {
        for (path, body, text) in [
            (ServedPath::Completions, json!({"choices": [{"text": "a"}]}), Some("a")),
            (ServedPath::Chat, json!({"choices": [{"message": {"content": "b"}}]}), Some("b")),
            (ServedPath::Chat, json!({"choices": [{"delta": {"content": "c"}}]}), Some("c")),
            (ServedPath::Chat, json!({"choices": [{"delta": {"role": "assistant"}}]}), None),
            (ServedPath::Chat, json!({"choices": []}), None),
            (ServedPath::Chat, json!({"choices": [{"message": {"content": null}}]}), None),
            // The answer was taken for an empty text, and charged.
            (
                ServedPath::Chat,
                json!({"choices": [{"message": {"content": [
                    {"type": "text", "text": "part one"}, {"type": "image_url"},
                    {"type": "text", "text": ", part two"}]}}]}),
                Some("part one, part two"),
            ),
        ] {
            assert_eq!(path.answer(&body).as_deref(), text);
        }
    }
}
