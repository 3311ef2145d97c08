//! Which entries of a list can be used.

use std::collections::HashMap;

use super::{ListedPair, PairList, SkipReason, SkippedEntry};
use crate::fingerprint::{Key, Perinucleus};
use oml_engine::{Api, Model};

/// Keys of a list, and what is not used of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySelection {
    /// Keys with their entries' places in the list.
    pub keys: Vec<(usize, Key)>,
    /// All other entries.
    pub skipped: Vec<SkippedEntry>,
}

/// The entries whose prompts are text, without those that repeat another one, and all others.
#[must_use]
pub fn distinct(list: &PairList) -> (Vec<&ListedPair>, Vec<SkippedEntry>) {
    let (mut used, mut skipped) = (Vec::new(), list.skipped.clone());
    let mut seen: HashMap<(&str, &[String]), usize> = HashMap::new();
    for listed in &list.pairs {
        let key = listed.pair.key.trim();
        let odd = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{fffd}';
        let same = (key, listed.pair.responses.as_slice());
        let reason = if key.is_empty() {
            SkipReason::EmptyKey
        } else if let Some(c) = key.chars().find(odd) {
            SkipReason::NotText(c)
        } else if let Some(first) = seen.get(&same) {
            SkipReason::Duplicate(*first)
        } else {
            seen.insert(same, listed.entry);
            used.push(listed);
            continue;
        };
        skipped.push(SkippedEntry::new(listed.entry, key, reason));
    }
    (used, skipped)
}

/// The prompts of a list as keys of a model. Their responses are drawn anew, so those of the list
/// decide nothing: of two entries with one prompt the first is used.
#[must_use]
pub fn select_keys(model: &Model, list: &PairList, api: Api) -> KeySelection {
    let (used, skipped) = distinct(list);
    let mut selection = KeySelection { keys: Vec::with_capacity(used.len()), skipped };
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for listed in used {
        let text = listed.pair.key.trim();
        let made = match seen.get(text) {
            Some(first) => Err(SkipReason::Conflict(*first)),
            None => key(model, text, api),
        };
        match made {
            Ok(key) => {
                seen.insert(text, listed.entry);
                selection.keys.push((listed.entry, key));
            }
            Err(reason) => {
                selection.skipped.push(SkippedEntry::new(listed.entry, text, reason));
            }
        }
    }
    selection
}

fn key(model: &Model, text: &str, api: Api) -> Result<Key, SkipReason> {
    let tokenizer = model.tokenizer();
    let key = Key::from_text(tokenizer, text).map_err(|error| chain(&error))?.with_api(api);
    let prompt = key.prompt_tokens(tokenizer).map_err(|error| chain(&error))?;
    let answer = Perinucleus::default().max_response_tokens;
    let (needed, context) = (prompt.len() + answer, model.context());
    if needed > context {
        return Err(SkipReason::TooLong { needed, context });
    }
    Ok(key)
}

/// An error with its causes, as one text.
fn chain(error: &dyn std::error::Error) -> SkipReason {
    let causes = std::iter::successors(Some(error), |error| error.source());
    SkipReason::Tokens(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}
