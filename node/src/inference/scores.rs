//! Log-probabilities of an answer's tokens, in both forms of the OpenAI API.

use oml_payments::ServedPath;
use serde_json::{Value, json};

/// Most alternatives per token; what others allow too.
const MOST_ALTERNATIVES: u64 = 20;
/// Longest answer that is scored: every token costs a pass over the sequence.
pub(super) const MOST_SCORED: usize = 64;

/// A token as text, its log-probability, and the likeliest at its place.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogProbability {
    /// Its text, with the blank before it.
    pub text: String,
    /// Natural logarithm of its probability.
    pub log_probability: f64,
    /// Likeliest tokens at its place, the likeliest first.
    pub top: Vec<(String, f64)>,
}

/// How many alternatives are asked for: `logprobs: n` of a completion, `logprobs: true` and
/// `top_logprobs: n` of a chat.
///
/// # Errors
/// What is wrong with the fields, in words.
pub(super) fn alternatives(
    path: ServedPath,
    logprobs: Option<&Value>,
    top_logprobs: Option<u64>,
) -> Result<Option<usize>, String> {
    let count = match (path, logprobs) {
        (_, None | Some(Value::Null | Value::Bool(false))) => return Ok(None),
        (ServedPath::Completions, Some(given)) => {
            given.as_u64().ok_or("`logprobs` of a completion is a number")?
        }
        (ServedPath::Chat, Some(Value::Bool(true))) => top_logprobs.unwrap_or(0),
        (ServedPath::Chat, Some(_)) => {
            return Err("`logprobs` of a chat is true or false".to_owned());
        }
    };
    if count > MOST_ALTERNATIVES {
        return Err(format!(
            "{count} alternatives per token; at most {MOST_ALTERNATIVES} are given"
        ));
    }
    Ok(usize::try_from(count).ok())
}

/// The field `logprobs` of a choice.
pub(super) fn field(path: ServedPath, scores: &[TokenLogProbability]) -> Value {
    match path {
        ServedPath::Completions => json!({
            "tokens": scores.iter().map(|s| &s.text).collect::<Vec<_>>(),
            "token_logprobs": scores.iter().map(|s| s.log_probability).collect::<Vec<_>>(),
            "top_logprobs": scores.iter().map(|s| by_text(&s.top)).collect::<Vec<_>>(),
        }),
        ServedPath::Chat => {
            let entry = |text: &str, score: f64| json!({"token": text, "logprob": score, "bytes": text.as_bytes()});
            let content = scores.iter().map(|s| {
                let mut own = entry(&s.text, s.log_probability);
                own["top_logprobs"] = s.top.iter().map(|(text, p)| entry(text, *p)).collect();
                own
            });
            json!({ "content": content.collect::<Vec<_>>() })
        }
    }
}

/// An object per place; of tokens with one text the likeliest stands, as they come in that order.
fn by_text(top: &[(String, f64)]) -> Value {
    let mut map = serde_json::Map::new();
    for (text, score) in top {
        map.entry(text.clone()).or_insert_with(|| json!(score));
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_both_forms_are_read() {
        let read = |path, given: Value, top| alternatives(path, Some(&given), top);
        assert_eq!(read(ServedPath::Completions, json!(5), None), Ok(Some(5)));
        assert_eq!(read(ServedPath::Completions, json!(0), None), Ok(Some(0)));
        assert_eq!(read(ServedPath::Chat, json!(true), Some(3)), Ok(Some(3)));
        assert_eq!(read(ServedPath::Chat, json!(true), None), Ok(Some(0)));
        assert_eq!(read(ServedPath::Chat, json!(false), Some(3)), Ok(None));
        assert_eq!(alternatives(ServedPath::Chat, None, Some(3)), Ok(None));
        assert!(read(ServedPath::Completions, json!(true), None).is_err());
        assert!(read(ServedPath::Completions, json!(21), None).is_err());
        assert!(read(ServedPath::Chat, json!(5), None).is_err());
    }

    #[test]
    fn texts_that_repeat_keep_the_likeliest() {
        let top = vec![(" a".to_owned(), -0.5), ("b".to_owned(), -1.0), (" a".to_owned(), -3.0)];
        let scores = [TokenLogProbability { text: " a".to_owned(), log_probability: -0.5, top }];
        let completion = field(ServedPath::Completions, &scores);
        assert_eq!(completion["top_logprobs"][0], json!({" a": -0.5, "b": -1.0}));
        assert_eq!(completion["token_logprobs"], json!([-0.5]));
        let chat = field(ServedPath::Chat, &scores);
        assert_eq!(chat["content"][0]["top_logprobs"][1]["token"], "b");
        assert_eq!(chat["content"][0]["logprob"], -0.5);
    }
}
