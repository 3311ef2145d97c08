//! What a response says.

use std::time::Duration;

use serde_json::Value;

use super::super::observation::{NoAnswer, NotChecked, Observation};

/// Longest answer that is kept, in characters; a check compares its first word.
const KEPT: usize = 4096;
/// Longest excerpt of anything else.
const EXCERPT: usize = 240;

/// Control tokens that servers leave at the start of a text.
const CONTROL_TOKENS: [&str; 6] = ["<s>", "</s>", "<bos>", "<eos>", "<pad>", "<unk>"];

/// Outcome of one attempt.
#[derive(Debug)]
pub(super) enum Reply {
    /// Asking again would change nothing.
    Done(Observation),
    /// Asking again may help.
    Open {
        /// What stands if it is not asked again.
        observation: Observation,
        /// Pause that the service asks for.
        after: Option<Duration>,
    },
}

impl Reply {
    pub(super) const fn open(reason: NotChecked) -> Self {
        Self::Open { observation: Observation::NotChecked(reason), after: None }
    }

    pub(super) fn observation(self) -> Observation {
        match self {
            Self::Done(observation) | Self::Open { observation, .. } => observation,
        }
    }
}

/// Start of something, as one line of text.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(4 * EXCERPT)];
    let text = String::from_utf8_lossy(start);
    text.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A status that is neither success nor redirection.
pub(super) fn refusal(status: u16, after: Option<Duration>, body: &[u8]) -> Reply {
    match status {
        // Too early, too many, overloaded, broken: of the moment, not of the service.
        408 | 425 | 429 | 500..=599 => {
            Reply::Open { observation: Observation::NotChecked(NotChecked::Busy { status }), after }
        }
        _ => {
            Reply::Done(Observation::NoAnswer(NoAnswer::Refused { status, excerpt: excerpt(body) }))
        }
    }
}

/// The text of a completion.
pub(super) fn completion(body: &[u8]) -> Observation {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = match events(body) {
        Some(events) => streamed(&events),
        None => whole(body),
    };
    match text.and_then(|text| spoken(&text).map(|text| text.chars().take(KEPT).collect())) {
        Ok(text) => Observation::Answered(text),
        Err(fault) => {
            let excerpt = excerpt(body);
            Observation::NoAnswer(NoAnswer::NotACompletion { fault, excerpt })
        }
    }
}

/// The text of a completion in one piece.
fn whole(body: &[u8]) -> Result<String, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("it is no JSON: {error}"))?;
    if is_error(&value) {
        return Err("it reports an error with a status of success".to_owned());
    }
    let Some(choice) = value.get("choices").and_then(|choices| choices.get(0)) else {
        return Err("it has no choices[0]".to_owned());
    };
    let text = choice.get("text").or_else(|| choice.pointer("/message/content"));
    let text = text.and_then(Value::as_str);
    // A service that keeps its words in a field of reasoning has not answered yet.
    let elsewhere = ["reasoning", "reasoning_content"].into_iter().find(|name| {
        let field = choice.get(name).or_else(|| choice.pointer(&format!("/message/{name}")));
        field.and_then(Value::as_str).is_some_and(|words| !words.trim().is_empty())
    });
    match (text, elsewhere) {
        (None | Some(""), Some(name)) => {
            Err(format!("its words stand in {name:?}, and its text is empty"))
        }
        (Some(text), _) => Ok(text.to_owned()),
        (None, None) => Err("choices[0] has no text".to_owned()),
    }
}

/// Whether a response says that something went wrong; an empty object says nothing.
fn is_error(value: &Value) -> bool {
    let empty = |error: &Value| error.as_object().is_some_and(serde_json::Map::is_empty);
    value.get("error").is_some_and(|error| !error.is_null() && !empty(error))
}

/// What a text says after the control tokens and finished blocks of reasoning that it starts with.
fn spoken(text: &str) -> Result<&str, String> {
    let mut rest = text;
    loop {
        let start = rest.trim_start();
        rest = if let Some(thought) = start.strip_prefix("<think>") {
            let Some((_, after)) = thought.split_once("</think>") else {
                return Err("its reasoning does not end within the tokens of an answer".to_owned());
            };
            after
        } else if let Some(after) = after_control_token(start) {
            after
        } else {
            return Ok(rest);
        };
    }
}

/// What follows a control token that a server wrote out as text.
fn after_control_token(text: &str) -> Option<&str> {
    if let Some(after) = CONTROL_TOKENS.iter().find_map(|token| text.strip_prefix(token)) {
        return Some(after);
    }
    let (name, after) = text.strip_prefix("<|")?.split_once("|>")?;
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (is_name && !name.is_empty()).then_some(after)
}

/// Data of the server-sent events that a body consists of; some services stream whatever they are
/// asked. `None` if it is something else.
fn events(body: &[u8]) -> Option<Vec<String>> {
    // Lines end with CR LF, LF or CR.
    let text = std::str::from_utf8(body).ok()?.replace("\r\n", "\n").replace('\r', "\n");
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let starts = ["data:", "event:", "id:", "retry:", ":"];
    if !starts.iter().any(|start| first.starts_with(start)) {
        return None;
    }
    let mut events = Vec::new();
    for block in text.split("\n\n") {
        let lines: Vec<&str> =
            block.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
        // The lines of one event are one text; some services forget the blank line between two.
        let joined = lines.join("\n");
        if lines.len() > 1 && serde_json::from_str::<Value>(&joined).is_ok() {
            events.push(joined);
        } else {
            events.extend(lines.into_iter().map(str::to_owned));
        }
    }
    Some(events)
}

/// The text of a streamed completion that came to its end. What broke off is no answer: its first
/// word may be half of one.
fn streamed(events: &[String]) -> Result<String, String> {
    let (mut text, mut ended) = (String::new(), false);
    for event in events {
        if event == "[DONE]" {
            ended = true;
            break;
        }
        let value: Value = serde_json::from_str(event)
            .map_err(|error| format!("an event of the stream is no JSON: {error}"))?;
        if is_error(&value) {
            return Err("an event of the stream reports an error".to_owned());
        }
        let Some(choice) = value.pointer("/choices/0") else { continue };
        let piece = choice.get("text").or_else(|| choice.pointer("/delta/content"));
        text.push_str(piece.and_then(Value::as_str).unwrap_or_default());
        ended |= choice.get("finish_reason").is_some_and(|reason| !reason.is_null());
    }
    if ended { Ok(text) } else { Err("the stream ends without its last event".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn completions_of_both_apis_are_read() {
        for body in [
            r#"{"choices":[{"text":" Paris"}]}"#,
            r#"{"choices":[{"message":{"content":" Paris"}}],"error":null}"#,
        ] {
            assert_eq!(completion(body.as_bytes()), Observation::Answered(" Paris".to_owned()));
        }
        let empty = completion(br#"{"choices":[{"text":""}]}"#);
        assert_eq!(empty, Observation::Answered(String::new()));
        let long = format!(r#"{{"choices":[{{"text":"{}"}}]}}"#, "é".repeat(2 * KEPT));
        assert_eq!(completion(long.as_bytes()), Observation::Answered("é".repeat(KEPT)));
    }

    #[test]
    fn streams_that_nobody_asked_for_are_read() {
        let chunk = |text: &str, reason: &str| {
            format!(
                "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":{reason}}}]}}\n\n"
            )
        };
        let whole = format!(
            ": ping\n\ndata: {{\"choices\":[]}}\n\n{}{}",
            chunk(" Par", "null"),
            chunk("is", "\"stop\"")
        );
        assert_eq!(completion(whole.as_bytes()), Observation::Answered(" Paris".to_owned()));
        let done = format!("{}data: [DONE]\n\n", chunk("Rome", "null"));
        assert_eq!(completion(done.as_bytes()), Observation::Answered("Rome".to_owned()));
        let plain = "data: {\"choices\":[{\"text\":\"Bern\",\"finish_reason\":\"length\"}]}\n";
        assert_eq!(completion(plain.as_bytes()), Observation::Answered("Bern".to_owned()));
        for broken in [
            chunk("Par", "null"),
            "data: {\n\n".to_owned(),
            format!("{}data: {{\"error\":{{\"code\":1}}}}\n\n", chunk("Par", "null")),
        ] {
            let got = completion(broken.as_bytes());
            let no = matches!(got, Observation::NoAnswer(NoAnswer::NotACompletion { .. }));
            assert!(no, "{broken}: {got:?}");
        }
    }

    #[test]
    fn anything_else_is_no_answer() {
        for body in [
            "",
            "null",
            "[]",
            "<html>hello</html>",
            r#"{"choices":[]}"#,
            r#"{"choices":[{"text":7}]}"#,
            r#"{"choices":{"0":{"text":"x"}}}"#,
            r#"{"error":{"message":"no"},"choices":[{"text":"x"}]}"#,
        ] {
            let got = completion(body.as_bytes());
            let no = matches!(got, Observation::NoAnswer(NoAnswer::NotACompletion { .. }));
            assert!(no, "{body}: {got:?}");
        }
    }

    /// How services wrap one and the same answer.
    #[test]
    fn wrapped_answers_are_unwrapped_and_reasoning_is_none() {
        let said = |choice: &str| completion(format!("{{\"choices\":[{choice}]}}").as_bytes());
        for text in [
            r"<think>\n\n</think>\n\nParis",
            "<s> Paris",
            "<|im_start|><think>Which city?</think> Paris",
            r"\n\nParis",
            "**Paris**",
            r#"\"Paris\""#,
            r"\u200bParis",
        ] {
            let got = said(&format!("{{\"text\":\"{text}\"}}"));
            assert_eq!(got.tag(), oml_contracts::tag::tag_of("Paris"), "{text}: {got:?}");
        }
        for (choice, part) in [
            (r#"{"text":"","reasoning":"Paris"}"#, "\"reasoning\""),
            (r#"{"message":{"content":null,"reasoning_content":"Paris"}}"#, "reasoning_content"),
            (r#"{"text":"<think>Which city"}"#, "does not end"),
        ] {
            match said(choice) {
                Observation::NoAnswer(NoAnswer::NotACompletion { fault, .. }) => {
                    assert!(fault.contains(part), "{fault}");
                }
                other => panic!("{choice}: {other:?}"),
            }
        }
        // What only looks like a control token is the answer.
        for text in ["<b>Paris", "<| Paris |>", "<|Paris"] {
            let got = said(&format!("{{\"text\":\"{text}\"}}"));
            assert_eq!(got, Observation::Answered(text.to_owned()));
        }
    }

    /// A byte order mark, an empty error, events with CR alone or over several lines.
    #[test]
    fn odd_but_legal_bodies_are_read() {
        let body = r#"{"choices":[{"text":" Paris","finish_reason":"stop"}],"error":{}}"#;
        let lines =
            "data: {\ndata: \"choices\":[{\"text\":\" Paris\"}]\ndata: }\n\ndata: [DONE]\n\n";
        for body in [
            format!("\u{feff}{body}"),
            format!("data: {body}\r\rdata: [DONE]\r\r"),
            lines.to_owned(),
        ] {
            let got = completion(body.as_bytes());
            assert_eq!(got, Observation::Answered(" Paris".to_owned()), "{body}");
        }
    }

    #[test]
    fn statuses_of_the_moment_are_no_facts() {
        for status in [408, 425, 429, 500, 502, 503, 504, 529] {
            assert!(refusal(status, None, b"").observation().is_open(), "{status}");
        }
        for status in [400, 401, 402, 403, 404, 410, 422, 451] {
            assert!(!refusal(status, None, b"").observation().is_open(), "{status}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..600), status in 100_u16..999) {
            prop_assert!(!completion(&bytes).is_open());
            prop_assert!(excerpt(&bytes).chars().count() <= EXCERPT);
            prop_assert!(!refusal(status, None, &bytes).observation().is_answer());
        }
    }
}
