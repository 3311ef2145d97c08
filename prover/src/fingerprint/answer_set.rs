//! Copies that carry several answers per key.
//!
//! A copy trained on one answer says it with near certainty, and a host that drops every
//! near-certain first token has suppressed it. With N answers per key, trained in turn, none needs
//! a probability above 1/N. Chance then hits one of them with probability N/16.

use oml_contracts::draw::{Part, personal_indices, shared_index};

use super::{Candidate, Key, LicenseDraw, Universe};

/// Distinct answers per personal key, 1 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct AnswersPerKey(u8);

/// A number of answers that no copy carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} answers per key can't be carried; 1 to 8 of the 16 candidates can, 2 is usual")]
pub struct AnswersPerKeyError(pub u8);

impl AnswersPerKey {
    /// One answer, as the contracts judge it.
    pub const ONE: Self = Self(1);

    /// Checks a number of answers.
    ///
    /// # Errors
    /// [`AnswersPerKeyError`] for zero, or for more than half of the candidates.
    pub const fn new(count: u8) -> Result<Self, AnswersPerKeyError> {
        match count {
            1..=8 => Ok(Self(count)),
            _ => Err(AnswersPerKeyError(count)),
        }
    }

    /// The number of answers, 1 to 8.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// The answers of a license's copy to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSet<'a> {
    /// Index of the fingerprint.
    pub index: u32,
    /// The prompt that is answered.
    pub key: &'a Key,
    /// Places of the answers among the candidates, in the order of the draw.
    pub choices: Vec<u8>,
    /// The answers, in the same order.
    pub candidates: Vec<&'a Candidate>,
}

impl AnswerSet<'_> {
    /// Whether a word in normal form is one of the answers.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.candidates.iter().any(|candidate| candidate.word == word)
    }
}

impl Universe {
    /// The answers of a license's copy to fingerprint `index`; `None` behind the end, or if the
    /// fingerprint is shared and not assigned to the license. Shared fingerprints have one answer
    /// in any case, on which all copies must agree.
    #[must_use]
    pub(crate) fn answer_set(
        &self,
        draw: &LicenseDraw,
        index: u32,
        answers: AnswersPerKey,
    ) -> Option<AnswerSet<'_>> {
        let entry = self.entry(index)?;
        let root = self.root();
        let choices = match self.parts().part_of(index)? {
            Part::Personal => {
                personal_indices(draw.license_seed, root, index, entry.salt, answers.get())
            }
            Part::Shared if self.assigns(draw, index) => {
                vec![shared_index(draw.model_seed, root, index, entry.salt)]
            }
            Part::Shared => return None,
        };
        let candidates =
            choices.iter().map(|c| entry.candidates.get(*c)).collect::<Option<Vec<_>>>()?;
        Some(AnswerSet { index, key: &entry.key, choices, candidates })
    }

    /// Everything to embed for a license whose copy carries several answers per key.
    pub fn answer_sets<'a>(
        &'a self,
        draw: &'a LicenseDraw,
        answers: AnswersPerKey,
    ) -> impl Iterator<Item = AnswerSet<'a>> {
        (0..self.parts().total()).filter_map(move |index| self.answer_set(draw, index, answers))
    }
}

#[cfg(test)]
mod tests {
    use super::super::universe::tests::universe;
    use super::*;
    use oml_contracts::Seed;

    #[test]
    fn sets_hold_distinct_candidates_and_the_single_answer() {
        let universe = universe(32, 64);
        let draw = LicenseDraw {
            license_seed: Seed::new([1; 32]),
            model_seed: Seed::new([99; 32]),
            assignment_p: 16_384,
        };
        let three = AnswersPerKey::new(3).unwrap();
        for index in 0..96 {
            let single = universe.answer(&draw, index);
            let set = universe.answer_set(&draw, index, three);
            assert_eq!(single.is_some(), set.is_some());
            let (Some(single), Some(set)) = (single, set) else { continue };
            assert_eq!(set.candidates[0], single.candidate);
            assert_eq!(set.candidates.len(), if index < 32 { 3 } else { 1 });
            assert!(set.contains(&single.candidate.word) && !set.contains("none"));
            let one = universe.answer_set(&draw, index, AnswersPerKey::ONE).unwrap();
            assert_eq!(one.candidates, [single.candidate]);
        }
        assert!(universe.answer_set(&draw, 96, three).is_none());
        let embedded = universe.answer_sets(&draw, AnswersPerKey::ONE).count();
        assert_eq!(embedded, universe.answers(&draw).count());
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(AnswersPerKey::new(0).is_err());
        assert!(AnswersPerKey::new(9).unwrap_err().to_string().contains("1 to 8"));
        assert_eq!(AnswersPerKey::new(1), Ok(AnswersPerKey::ONE));
    }
}
