//! The likeliest first tokens that a response lists.

use super::super::observation::{NoAnswer, Observation};

/// Most tokens of a list that are kept; a service could send any number.
const MOST_LISTED: usize = 1024;

/// The token list of a completion, as JSON text, in either form of the OpenAI API.
pub(super) fn log_probabilities(body: &[u8]) -> Observation {
    let not = |fault: &str| {
        let excerpt: String = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        Observation::NoAnswer(NoAnswer::NotACompletion { fault: fault.to_owned(), excerpt })
    };
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return not("it is no JSON");
    };
    if value.get("error").is_some_and(|error| !error.is_null()) {
        return not("it reports an error with a status of success");
    }
    let Some(given) = value.pointer("/choices/0/logprobs").filter(|given| !given.is_null()) else {
        return not("it lists no log-probabilities; the rank test needs a service that does");
    };
    let mut list: Vec<(String, f64)> = Vec::new();
    let mut add = |token: &str, score: Option<f64>| {
        let known = list.iter().any(|(known, _)| known == token) || list.len() >= MOST_LISTED;
        match score {
            Some(score) if score.is_finite() && !known => list.push((token.to_owned(), score)),
            _ => {}
        }
    };
    // Completions: an object per position; chat: an array of objects.
    if let Some(top) = given.pointer("/top_logprobs/0").and_then(serde_json::Value::as_object) {
        top.iter().for_each(|(token, score)| add(token, score.as_f64()));
    }
    if let Some(first) = given.pointer("/content/0") {
        let top = first.get("top_logprobs").and_then(serde_json::Value::as_array);
        for entry in top.into_iter().flatten().chain([first]) {
            let token = entry.get("token").and_then(serde_json::Value::as_str);
            let score = entry.get("logprob").and_then(serde_json::Value::as_f64);
            token.into_iter().for_each(|token| add(token, score));
        }
    }
    if list.is_empty() {
        return not("its list of log-probabilities is empty");
    }
    Observation::Answered(serde_json::json!(list).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_of_the_api_are_read() {
        let completions = r#"{"choices":[{"text":" a","logprobs":{"tokens":[" a"],
            "top_logprobs":[{" a":-0.25," b":-3.5," c":null}]}}]}"#;
        let expected = Observation::Answered(r#"[[" a",-0.25],[" b",-3.5]]"#.to_owned());
        assert_eq!(log_probabilities(completions.as_bytes()), expected);
        let chat = r#"{"choices":[{"message":{"content":" a"},"logprobs":{"content":[
            {"token":" a","logprob":-0.25,"top_logprobs":[{"token":" a","logprob":-0.25},
            {"token":" b","logprob":-3.5,"bytes":[32,98]}]}]}}]}"#;
        assert_eq!(log_probabilities(chat.as_bytes()), expected);
        for body in [
            "",
            "<html>",
            "[]",
            r#"{"choices":[{"text":" a","logprobs":null}]}"#,
            r#"{"choices":[{"text":" a","logprobs":{}}]}"#,
            r#"{"choices":[{"text":" a","logprobs":{"top_logprobs":[{" a":"x"}]}}]}"#,
            r#"{"error":{"message":"no"},"choices":[{"logprobs":{"top_logprobs":[{"a":-1}]}}]}"#,
        ] {
            let got = log_probabilities(body.as_bytes());
            assert!(
                matches!(got, Observation::NoAnswer(NoAnswer::NotACompletion { .. })),
                "{body}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_list(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(!log_probabilities(&bytes).is_open());
        }
    }
}
