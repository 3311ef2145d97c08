//! What a response says.

use std::time::Duration;

use serde_json::Value;

use super::super::observation::{NoAnswer, NotChecked, Observation};

/// Longest answer that is kept, in characters; a check compares its first word.
const KEPT: usize = 4096;
/// Longest excerpt of anything else.
const EXCERPT: usize = 120;

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
    let not = |fault: &str| {
        let excerpt = excerpt(body);
        Observation::NoAnswer(NoAnswer::NotACompletion { fault: fault.to_owned(), excerpt })
    };
    if let Some(events) = events(body) {
        return match streamed(&events) {
            Ok(text) => Observation::Answered(text),
            Err(cause) => not(&cause),
        };
    }
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => return not(&format!("it is no JSON: {error}")),
    };
    if value.get("error").is_some_and(|error| !error.is_null()) {
        return not("it reports an error with a status of success");
    }
    let Some(choice) = value.get("choices").and_then(|choices| choices.get(0)) else {
        return not("it has no choices[0]");
    };
    let text = choice.get("text").or_else(|| choice.pointer("/message/content"));
    match text.and_then(Value::as_str) {
        Some(text) => Observation::Answered(text.chars().take(KEPT).collect()),
        None => not("choices[0] has no text"),
    }
}

/// Data of the server-sent events that a body consists of; some services stream whatever they are
/// asked. `None` if it is something else.
fn events(body: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(body).ok()?;
    let first = text.lines().find(|line| !line.trim().is_empty())?;
    let starts = ["data:", "event:", "id:", "retry:", ":"];
    starts.iter().any(|start| first.starts_with(start)).then(|| {
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.map(str::trim).collect()
    })
}

/// The text of a streamed completion that came to its end. What broke off is no answer: its first
/// word may be half of one.
fn streamed(events: &[&str]) -> Result<String, String> {
    let (mut text, mut ended) = (String::new(), false);
    for event in events {
        if *event == "[DONE]" {
            ended = true;
            break;
        }
        let value: Value = serde_json::from_str(event)
            .map_err(|error| format!("an event of the stream is no JSON: {error}"))?;
        if value.get("error").is_some_and(|error| !error.is_null()) {
            return Err("an event of the stream reports an error".to_owned());
        }
        let Some(choice) = value.pointer("/choices/0") else { continue };
        let piece = choice.get("text").or_else(|| choice.pointer("/delta/content"));
        text.push_str(piece.and_then(Value::as_str).unwrap_or_default());
        ended |= choice.get("finish_reason").is_some_and(|reason| !reason.is_null());
    }
    if ended {
        Ok(text.chars().take(KEPT).collect())
    } else {
        Err("the stream ends without its last event".to_owned())
    }
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
            format!("{}data: {{\"error\":{{}}}}\n\n", chunk("Par", "null")),
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
