//! Entries of a list that are not used, each with its reason, and all of them together.

use std::collections::BTreeMap;

use serde::Serialize;

/// Characters of a key that messages show.
const SHOWN: usize = 60;
/// Entries of a kind that a summary names.
const EXAMPLES: usize = 3;

/// Why an entry is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It is a number, a list, or nothing.
    #[error("is neither a text nor an object with a key")]
    NotAnEntry,
    /// It is an object without a prompt.
    #[error("has no key that is a text")]
    NoKey,
    /// Its prompt is empty.
    #[error("has an empty key; a key is a prompt of at least one token")]
    EmptyKey,
    /// Its prompt is no plain text.
    #[error("holds {0:?}; keys are plain text")]
    NotText(char),
    /// Prompt and responses are those of an entry before.
    #[error("repeats entry {0}")]
    Duplicate(usize),
    /// The prompt is that of an entry before, with another response.
    #[error("has the key of entry {0} and another response")]
    Conflict(usize),
    /// The tokenizer does not keep its prompt as it is.
    #[error("can't be a key: {0}")]
    Tokens(String),
    /// Its prompt does not fit into the model.
    #[error("needs {needed} positions, and the model has {context}")]
    TooLong {
        /// Tokens of prompt and answer.
        needed: usize,
        /// Longest sequence of the model.
        context: usize,
    },
    /// The model has too few candidates to answer it with.
    #[error("is left out: {0}")]
    Candidates(String),
}

impl SkipReason {
    /// A word for all entries that are skipped for this reason.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotAnEntry => "not an entry",
            Self::NoKey => "no key",
            Self::EmptyKey => "empty key",
            Self::NotText(_) => "no plain text",
            Self::Duplicate(_) => "duplicate",
            Self::Conflict(_) => "conflict",
            Self::Tokens(_) => "tokens",
            Self::TooLong { .. } => "too long",
            Self::Candidates(_) => "too few candidates",
        }
    }
}

/// An entry that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedEntry {
    /// Its place in the list, from 0.
    pub entry: usize,
    /// Start of its prompt, or of what stands in its place.
    pub key: String,
    /// What is wrong with it.
    pub reason: SkipReason,
}

impl SkippedEntry {
    /// An entry whose prompt is cut to what messages show.
    #[must_use]
    pub fn new(entry: usize, key: &str, reason: SkipReason) -> Self {
        Self { entry, key: key.chars().take(SHOWN).collect(), reason }
    }
}

/// All entries that are skipped for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedGroup {
    /// The reason, as a word.
    pub kind: &'static str,
    /// Number of entries that are skipped for it.
    pub count: usize,
    /// The first of them, each as a sentence.
    pub examples: Vec<String>,
}

/// Counts skipped entries by reason, the most frequent first.
#[must_use]
pub fn group_skipped(skipped: &[SkippedEntry]) -> Vec<SkippedGroup> {
    let mut groups: BTreeMap<&'static str, Vec<&SkippedEntry>> = BTreeMap::new();
    for entry in skipped {
        groups.entry(entry.reason.kind()).or_default().push(entry);
    }
    let mut all: Vec<SkippedGroup> = groups
        .into_iter()
        .map(|(kind, mut entries)| {
            entries.sort_by_key(|skipped| skipped.entry);
            let shown = |s: &&SkippedEntry| format!("entry {}, {:?}, {}", s.entry, s.key, s.reason);
            let examples = entries.iter().take(EXAMPLES).map(shown).collect();
            SkippedGroup { kind, count: entries.len(), examples }
        })
        .collect();
    all.sort_by_key(|group| std::cmp::Reverse(group.count));
    all
}
