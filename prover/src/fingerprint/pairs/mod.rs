//! Lists of prompts and responses, the forms in which published fingerprint sets are exchanged:
//! `{"key": "…", "response": "…"}` as a JSON list or one per line, with a list of responses where a
//! key has several, the `{"id", "query", "response"}` entries of `mlprints`, and lists of keys
//! alone. Where an entry names the prompt that was really used (`effective_key`), that one counts.

mod selection;
mod skipped;

use std::io::{Read, Write};

use serde::Serialize;
use serde_json::Value;

use super::AnswerSet;
pub use selection::{KeySelection, distinct, select_keys};
pub use skipped::{SkipReason, SkippedEntry, SkippedGroup, group_skipped};

/// A prompt and the responses to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The prompt, as the model gets it.
    pub key: String,
    /// The responses, any of which counts; usually one, which the file then holds as plain text.
    /// None in a list of keys alone.
    #[serde(rename = "response", serialize_with = "one_or_many")]
    pub responses: Vec<String>,
}

fn one_or_many<S: serde::Serializer>(list: &[String], to: S) -> Result<S::Ok, S::Error> {
    match list {
        [one] => one.serialize(to),
        many => many.serialize(to),
    }
}

/// An entry of a list that has a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPair {
    /// Its place in the list, from 0.
    pub entry: usize,
    /// What it holds.
    pub pair: Pair,
}

/// A list as it was read, with what could not be read of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PairList {
    /// Entries with a prompt, in their order.
    pub pairs: Vec<ListedPair>,
    /// Entries without one, each with its reason.
    pub skipped: Vec<SkippedEntry>,
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
         objects or of keys, as JSON or one per line"
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
    /// JSON, but neither a list nor an object with one.
    #[error(
        "this is JSON without a list of entries; they stand in a list, or under \"fingerprints\""
    )]
    NoList,
    /// There is nothing in it.
    #[error("the list is empty")]
    Empty,
}

/// Reads a list in any of the forms. Other fields of its objects are ignored; an entry without a
/// prompt is skipped with its reason, and a response that is no text is left out.
///
/// # Errors
/// `Io`, `Binary`, `Json`, `Line`, `NoList`, `Empty`.
pub fn read_pairs(mut reader: impl Read) -> Result<PairList, PairsError> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| PairsError::Binary { offset: error.valid_up_to() })?;
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let entries: Vec<Value> = if start.starts_with('[') {
        serde_json::from_str(start)?
    } else {
        match serde_json::from_str::<Value>(start) {
            // Some tools keep the entries under a name.
            Ok(Value::Object(mut named)) if !named.contains_key("key") => {
                match named.remove("fingerprints") {
                    Some(Value::Array(entries)) => entries,
                    _ if prompt(&Value::Object(named.clone())).is_some() => {
                        vec![Value::Object(named)]
                    }
                    _ => return Err(PairsError::NoList),
                }
            }
            _ => read_lines(start)?,
        }
    };
    if entries.is_empty() {
        return Err(PairsError::Empty);
    }
    let mut list = PairList::default();
    for (entry, value) in entries.iter().enumerate() {
        match prompt(value) {
            Some(key) => {
                let pair = Pair { key: key.to_owned(), responses: responses(value) };
                list.pairs.push(ListedPair { entry, pair });
            }
            None => {
                let known = value.is_object() || value.is_string();
                let reason = if known { SkipReason::NoKey } else { SkipReason::NotAnEntry };
                list.skipped.push(SkippedEntry::new(entry, &value.to_string(), reason));
            }
        }
    }
    Ok(list)
}

/// The prompt of an entry: the one that was really used, where it is named beside the text that it
/// was cut from.
fn prompt(entry: &Value) -> Option<&str> {
    let named = |name: &&str| entry.get(name).and_then(Value::as_str);
    let used = named(&"effective_key").filter(|text| !text.trim().is_empty());
    used.or_else(|| ["key", "query", "prompt"].iter().find_map(named)).or_else(|| entry.as_str())
}

/// The responses of an entry that are text.
fn responses(entry: &Value) -> Vec<String> {
    let names = ["response", "expected_response", "responses"];
    match names.iter().find_map(|name| entry.get(name)) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => {
            many.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

fn read_lines(text: &str) -> Result<Vec<Value>, PairsError> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let value = |(line, text): (usize, &str)| {
        serde_json::from_str(text).map_err(|source| PairsError::Line { line, source })
    };
    lines.map(value).collect()
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

#[cfg(test)]
mod tests;
