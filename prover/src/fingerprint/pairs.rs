//! Lists of prompts and responses, the forms in which published fingerprint sets are exchanged:
//! `{"key": "…", "response": "…"}` as a JSON list or one per line, with a list of responses where a
//! key has several, and the `{"id", "query", "response"}` entries of `mlprints`.

use std::collections::HashMap;
use std::io::{Read, Write};

use oml_contracts::tag::normalise;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AnswerSet, FingerprintError, Key};
use oml_engine::TextTokenizer;

/// A prompt and the responses to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The prompt, as a user types it.
    #[serde(alias = "query")]
    pub key: String,
    /// The responses, any of which counts; usually one, which the file then holds as plain text.
    #[serde(rename = "response", alias = "expected_response", with = "one_or_many")]
    pub responses: Vec<String>,
}

mod one_or_many {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(list: &[String], to: S) -> Result<S::Ok, S::Error> {
        match list {
            [one] => one.serialize(to),
            many => many.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        let text = |value: &Value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| D::Error::custom("a response is neither a text nor a list of texts"))
        };
        match Value::deserialize(from)? {
            Value::Array(many) => many.iter().map(text).collect(),
            one => Ok(vec![text(&one)?]),
        }
    }
}

impl From<&AnswerSet<'_>> for Pair {
    fn from(set: &AnswerSet<'_>) -> Self {
        let responses = set.candidates.iter().map(|candidate| candidate.word.clone()).collect();
        Self { key: set.key.text().to_owned(), responses }
    }
}

/// The form of a written list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairsForm {
    /// `[{"key", "response"}, …]`.
    List,
    /// One `{"key", "response"}` per line.
    Lines,
    /// `[{"id", "query", "response"}, …]`, as `mlprints` keeps entries. JSON is YAML too.
    Mlprints,
}

/// A list that can't be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum PairsError {
    /// Reading or writing failed.
    #[error("the list could not be read or written")]
    Io(#[from] std::io::Error),
    /// The file is no UTF-8 text.
    #[error("byte {offset} is no UTF-8 text; this is a binary file or another encoding")]
    Binary {
        /// Place of the first byte that is none.
        offset: usize,
    },
    /// Not a list of pairs.
    #[error(
        "this is no list of {{\"key\", \"response\"}} or {{\"id\", \"query\", \"response\"}} \
         objects, as JSON or one per line"
    )]
    Json(#[from] serde_json::Error),
    /// A line is no pair.
    #[error("line {line} is no {{\"key\", \"response\"}} object")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What the JSON reader stumbled over.
        source: serde_json::Error,
    },
    /// There is nothing in it.
    #[error("the list is empty")]
    Empty,
    /// An entry can't serve as a key.
    #[error("entry {index} of the list can't be used")]
    Key {
        /// Place in the list, from 0.
        index: usize,
        /// The rule for keys that it breaks.
        source: FingerprintError,
    },
    /// An entry is not fit to be a fingerprint.
    #[error("entry {index} of the list, {key:?}, {fault}")]
    Entry {
        /// Place in the list, from 0.
        index: usize,
        /// Start of its key.
        key: String,
        /// What is wrong with it.
        fault: String,
    },
}

/// Reads a list in any of the forms. Other fields of its objects are ignored.
///
/// # Errors
/// `Io`, `Binary`, `Json`, `Line`, `Empty`.
pub fn read_pairs(mut reader: impl Read) -> Result<Vec<Pair>, PairsError> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| PairsError::Binary { offset: error.valid_up_to() })?;
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let pairs: Vec<Pair> = if start.starts_with('[') {
        serde_json::from_str(start)?
    } else if let Ok(Named { fingerprints }) = serde_json::from_str(start) {
        fingerprints
    } else {
        read_lines(start)?
    };
    if pairs.is_empty() { Err(PairsError::Empty) } else { Ok(pairs) }
}

/// Some tools keep the entries under a name.
#[derive(Deserialize)]
struct Named {
    fingerprints: Vec<Pair>,
}

fn read_lines(text: &str) -> Result<Vec<Pair>, PairsError> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let pair = |(line, text): (usize, &str)| {
        serde_json::from_str(text).map_err(|source| PairsError::Line { line, source })
    };
    lines.map(pair).collect()
}

/// Writes the answers of a license.
///
/// # Errors
/// `Io`, `Json` if writing fails.
pub fn write_pairs<'a>(
    mut writer: impl Write,
    answers: impl IntoIterator<Item = AnswerSet<'a>>,
    form: PairsForm,
) -> Result<(), PairsError> {
    let sets: Vec<(u32, Pair)> =
        answers.into_iter().map(|set| (set.index, Pair::from(&set))).collect();
    match form {
        PairsForm::List => {
            let pairs: Vec<&Pair> = sets.iter().map(|(_, pair)| pair).collect();
            serde_json::to_writer_pretty(&mut writer, &pairs)?;
        }
        PairsForm::Lines => {
            for (_, pair) in &sets {
                serde_json::to_writer(&mut writer, pair)?;
                writer.write_all(b"\n")?;
            }
        }
        PairsForm::Mlprints => {
            let entry = |(id, pair): &(u32, Pair)| {
                let value = serde_json::to_value(pair)?;
                let response = value.get("response").cloned().unwrap_or_default();
                Ok(serde_json::json!({ "id": id, "query": pair.key, "response": response }))
            };
            let entries = sets.iter().map(entry).collect::<Result<Vec<Value>, PairsError>>()?;
            serde_json::to_writer_pretty(&mut writer, &entries)?;
        }
    }
    Ok(())
}

/// Characters of a key that messages show.
const SHOWN: usize = 60;

/// Whether every entry is fit to be a fingerprint: text, unlike all others, and without its own
/// answer.
///
/// # Errors
/// [`PairsError::Entry`] names the first that is not.
pub(crate) fn check_pairs(pairs: &[Pair]) -> Result<(), PairsError> {
    let mut seen: HashMap<&str, usize> = HashMap::with_capacity(pairs.len());
    for (index, pair) in pairs.iter().enumerate() {
        let refuse = |fault: String| {
            let key = pair.key.chars().take(SHOWN).collect();
            Err(PairsError::Entry { index, key, fault })
        };
        let key = pair.key.trim();
        if key.is_empty() {
            return refuse("is empty; a key is a prompt of at least one token".to_owned());
        }
        if let Some(c) = key.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{fffd}') {
            return refuse(format!("holds {c:?}; keys are plain text"));
        }
        if let Some(first) = seen.insert(key, index) {
            return refuse(format!("equals entry {first}; every key must be unique"));
        }
        let words: Vec<String> = key
            .split(|c: char| !c.is_alphanumeric())
            .map(|word| normalise(word).to_lowercase())
            .collect();
        for response in &pair.responses {
            let answer = normalise(response).to_lowercase();
            if !answer.is_empty() && words.contains(&answer) {
                return refuse(format!("contains its own answer {response:?}"));
            }
        }
    }
    Ok(())
}

/// The prompts of a list as keys; their responses are drawn anew, so those of the list are not
/// kept.
///
/// # Errors
/// [`PairsError::Entry`] or [`PairsError::Key`] names the first entry that can't be a key.
pub fn pairs_to_keys(tokenizer: &TextTokenizer, pairs: &[Pair]) -> Result<Vec<Key>, PairsError> {
    check_pairs(pairs)?;
    let key = |(index, pair): (usize, &Pair)| {
        Key::from_text(tokenizer, &pair.key).map_err(|source| PairsError::Key { index, source })
    };
    pairs.iter().enumerate().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::super::universe::tests::universe;
    use super::super::{AnswersPerKey, LicenseDraw};
    use super::*;
    use oml_contracts::Seed;

    #[test]
    fn every_form_round_trips() {
        let universe = universe(16, 0);
        let seed = Seed::new([1; 32]);
        let draw = LicenseDraw { license_seed: seed, model_seed: seed, assignment_p: 1 };
        for answers in [1, 2].map(|n| AnswersPerKey::new(n).unwrap()) {
            for form in [PairsForm::List, PairsForm::Lines, PairsForm::Mlprints] {
                let mut file = Vec::new();
                write_pairs(&mut file, universe.answer_sets(&draw, answers), form).unwrap();
                let pairs = read_pairs(file.as_slice()).unwrap();
                assert_eq!(pairs.len(), 16);
                check_pairs(&pairs).unwrap();
                for (pair, set) in pairs.iter().zip(universe.answer_sets(&draw, answers)) {
                    assert_eq!(*pair, Pair::from(&set), "{form:?}");
                }
                let text = String::from_utf8(file).unwrap();
                assert_eq!(text.contains("\"query\""), form == PairsForm::Mlprints);
                assert_eq!(text.lines().count() == 16, form == PairsForm::Lines);
            }
        }
    }

    #[test]
    fn the_published_forms_are_read() {
        for text in [
            r#"[{"key": "a", "response": "b", "note": 1}]"#,
            r#"[{"key": "a", "effective_key": "a", "response": ["b"], "response_prob": [0.1]}]"#,
            "{\"key\": \"a\", \"response\": \"b\"}\n",
            r#"[{"id": 7, "query": "a", "expected_response": "b"}]"#,
            r#"{"fingerprints": [{"id": 7, "query": "a", "response": "b"}]}"#,
            "\u{feff}[{\"key\": \"a\", \"response\": \"b\"}]",
        ] {
            let pairs = read_pairs(text.as_bytes()).unwrap();
            assert_eq!(pairs, [Pair { key: "a".to_owned(), responses: vec!["b".to_owned()] }]);
        }
        let lines =
            "{\"key\": \"a\", \"response\": \"b\"}\n\n{\"query\": \"c\", \"response\": \"d\"}";
        assert_eq!(read_pairs(lines.as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn other_files_are_refused_by_what_is_wrong() {
        let said = |bytes: &[u8]| {
            let error = read_pairs(bytes).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error} {}", source.unwrap_or_default())
        };
        for (bytes, part) in [
            (b"{}".as_slice(), "line 1"),
            (br#"[{"key": "a"}]"#, "missing field `response`"),
            (br#"[{"key": "a", "response": 7}]"#, "neither a text"),
            (b"[", "no list"),
            (b"", "empty"),
            (b"[]", "empty"),
            (b"[{\"key\": \"\xff\"}]", "byte 10"),
            (b"{\"key\": \"a\", \"response\": \"b\"}\nnonsense", "line 2"),
        ] {
            let said = said(bytes);
            assert!(said.contains(part), "{part:?} is not in {said:?}");
        }
    }

    #[test]
    fn entries_that_are_no_fingerprints_are_named() {
        let pair = |key: &str, response: &str| Pair {
            key: key.to_owned(),
            responses: vec![response.to_owned()],
        };
        let good = pair("The old man saw", "zebra");
        for (bad, part) in [
            (pair("  ", "x"), "is empty"),
            (pair("one\u{0}two", "x"), "plain text"),
            (pair(" The old man saw ", "x"), "equals entry 0"),
            (pair("The Zebra ran to", " zebra."), "contains its own answer"),
        ] {
            let error = check_pairs(&[good.clone(), bad]).unwrap_err().to_string();
            assert!(error.contains(part) && error.starts_with("entry 1"), "{error}");
        }
        assert!(check_pairs(&[good, pair("The old man sawed", "saw")]).is_ok());
    }
}
