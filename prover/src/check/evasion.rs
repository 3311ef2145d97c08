//! Answers that answer nothing.
//!
//! A host that refuses in words, or says one and the same thing to everything, has shown nothing of
//! its model. Such answers count as "no answer": like any silence they weigh against a match, and
//! they never speak for "no match". The rules are fixed and look at no license:
//!
//! 1. What begins with one of the question's 16 candidates is an answer, whatever else applies.
//! 2. A text without any visible character is none.
//! 3. A text that begins with one of [`REFUSALS`], in any case, is none.
//! 4. A text that at least half of the answered questions got, and at least eight of them, is none.

use std::collections::{BTreeMap, BTreeSet};

use oml_contracts::tag::normalise;

use super::tally::Tally;
use crate::fingerprint::Universe;

/// How refusals in words begin, in small letters.
const REFUSALS: [&str; 22] = [
    "sorry",
    "i'm sorry",
    "i am sorry",
    "i'm afraid",
    "i am afraid",
    "i apologize",
    "i apologise",
    "my apologies",
    "i can't",
    "i cannot",
    "i can not",
    "i could not",
    "i couldn't",
    "i won't",
    "i will not",
    "i'm unable",
    "i am unable",
    "i'm not able",
    "i am not able",
    "unfortunately",
    "as an ai",
    "request denied",
];
/// Fewest equal answers that are no answers.
const LEAST_EQUAL: usize = 8;

/// Fingerprints whose answers answer nothing, by the rule that found them.
#[derive(Debug, Default)]
pub(super) struct Evasions {
    refusals: BTreeSet<u32>,
    repeated: BTreeSet<u32>,
    empty: BTreeSet<u32>,
}

impl Evasions {
    /// Looks through what was said to fingerprints.
    pub(super) fn of(said: &[(u32, &str)], universe: &Universe) -> Self {
        let mut found = Self::default();
        let mut equal: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (index, text) in said {
            let text = text.trim();
            if names_a_candidate(universe, *index, text) {
                continue;
            }
            if text.is_empty() {
                found.empty.insert(*index);
            } else if is_refusal(text) {
                found.refusals.insert(*index);
            } else {
                equal.entry(text).or_default().push(*index);
            }
        }
        let many = |group: &&Vec<u32>| group.len() >= LEAST_EQUAL && 2 * group.len() >= said.len();
        found.repeated = equal.values().filter(many).flatten().copied().collect();
        found
    }

    /// Whether a fingerprint's answer answers nothing.
    pub(super) fn contains(&self, index: u32) -> bool {
        [&self.refusals, &self.repeated, &self.empty].iter().any(|set| set.contains(&index))
    }

    /// Counts them as no answers.
    pub(super) fn add_to(&self, tally: &mut Tally) {
        let count = |set: &BTreeSet<u32>| u32::try_from(set.len()).unwrap_or(u32::MAX);
        tally.refusals = count(&self.refusals);
        tally.repeated = count(&self.repeated);
        tally.empty = count(&self.empty);
        tally.no_answer += tally.refusals + tally.repeated + tally.empty;
    }
}

fn names_a_candidate(universe: &Universe, index: u32, text: &str) -> bool {
    let word = normalise(text);
    let candidates = universe.entry(index).map(|entry| entry.candidates.iter());
    candidates.into_iter().flatten().any(|candidate| candidate.word == word)
}

/// Whether a text begins as refusals do. Apostrophes and quotes are written in several ways.
fn is_refusal(text: &str) -> bool {
    let plain: String =
        text.chars().take(64).map(|c| if c == '\u{2019}' { '\'' } else { c }).collect();
    let plain = plain.to_lowercase();
    let start = plain.trim_start_matches(|c: char| !c.is_alphanumeric());
    REFUSALS.iter().any(|refusal| {
        let rest = start.strip_prefix(refusal);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::test_universe;

    fn tally(said: &[(u32, &str)], universe: &Universe) -> Tally {
        let mut tally = Tally::default();
        Evasions::of(said, universe).add_to(&mut tally);
        tally
    }

    #[test]
    fn refusals_in_words_are_known_by_how_they_begin() {
        for text in [
            "Sorry, I cannot help with that.",
            "I\u{2019}m sorry, but I can't",
            "\"As an AI language model",
            "Unfortunately I",
            "SORRY",
        ] {
            assert!(is_refusal(text), "{text}");
        }
        for text in ["sorrys", "I canter", "As an aid to memory", "He was sorry", "I", "Once"] {
            assert!(!is_refusal(text), "{text}");
        }
    }

    #[test]
    fn the_same_to_half_of_all_is_no_answer_and_a_candidate_always_is_one() {
        let universe = test_universe(32, 0);
        let own: Vec<String> = universe
            .entries()
            .iter()
            .map(|entry| entry.candidates.get(3).unwrap().word.clone())
            .collect();
        let said = |same: u32| -> Vec<(u32, String)> {
            let text = |i: u32| if i < same { "hello".to_owned() } else { format!("x{i} y") };
            (0..16).map(|i| (i, text(i))).collect()
        };
        let count = |said: &[(u32, String)]| {
            let said: Vec<(u32, &str)> = said.iter().map(|(i, t)| (*i, t.as_str())).collect();
            tally(&said, &universe)
        };
        assert_eq!(count(&said(7)).repeated, 0, "seven are too few");
        let eight = count(&said(8));
        assert_eq!((eight.repeated, eight.no_answer), (8, 8));
        // A word that is a candidate of the question is an answer, however often it is given.
        let candidates: Vec<(u32, String)> =
            (0..32).map(|i| (i, own[i as usize].clone())).collect();
        assert_eq!(count(&candidates), Tally::default());
        let empty = count(&[(0, " \n".to_owned()), (1, "Sorry".to_owned())]);
        assert_eq!((empty.empty, empty.refusals, empty.no_answer), (1, 1, 2));
    }
}
