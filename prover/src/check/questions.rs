//! What a target is asked: keys mixed with decoys.

use std::collections::HashSet;

use oml_contracts::KeyHash;
use oml_contracts::hash::key_hash;
use oml_contracts::leaf::BUNDLE;
use rand::seq::SliceRandom as _;
use rand::{CryptoRng, Rng};

use crate::fingerprint::Universe;

/// One prompt of a check, and what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Text of the prompt, which also says how it is asked.
    pub prompt: String,
    /// Index of the fingerprint; `None` for a decoy.
    pub fingerprint: Option<u32>,
}

/// Prompts in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questions {
    list: Vec<Question>,
}

/// Prompts that can't be asked together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionsError {
    /// No such fingerprint.
    #[error("fingerprint {index} does not exist: the universe has {total}, counted from 0")]
    NoSuchFingerprint {
        /// Index asked for.
        index: u32,
        /// Size of the universe.
        total: u32,
    },
    /// The same prompt twice; its answers would not be independent.
    #[error("the prompt {0:?} is asked twice; each key and decoy can be asked once")]
    Duplicate(String),
}

impl Questions {
    /// The keys of these fingerprints and the decoys, shuffled: whoever serves them can't tell by
    /// their order which is which.
    ///
    /// # Errors
    /// [`QuestionsError`].
    pub fn new(
        universe: &Universe,
        fingerprints: impl IntoIterator<Item = u32>,
        decoys: impl IntoIterator<Item = String>,
        rng: &mut (impl Rng + CryptoRng),
    ) -> Result<Self, QuestionsError> {
        let key = |index| match universe.entry(index) {
            Some(entry) => {
                Ok(Question { prompt: entry.key.prompt_text(), fingerprint: Some(index) })
            }
            None => {
                Err(QuestionsError::NoSuchFingerprint { index, total: universe.parts().total() })
            }
        };
        let mut list: Vec<Question> =
            fingerprints.into_iter().map(key).collect::<Result<_, QuestionsError>>()?;
        list.extend(decoys.into_iter().map(|prompt| Question { prompt, fingerprint: None }));
        let mut seen = HashSet::with_capacity(list.len());
        if let Some(twice) = list.iter().find(|question| !seen.insert(question.prompt.as_str())) {
            return Err(QuestionsError::Duplicate(twice.prompt.clone()));
        }
        list.shuffle(rng);
        Ok(Self { list })
    }

    /// The keys of whole bundles and the decoys.
    ///
    /// # Errors
    /// [`QuestionsError`].
    pub fn of_bundles(
        universe: &Universe,
        bundles: &[u32],
        decoys: impl IntoIterator<Item = String>,
        rng: &mut (impl Rng + CryptoRng),
    ) -> Result<Self, QuestionsError> {
        let size = BUNDLE as u64;
        let leaves = bundles.iter().flat_map(|bundle| {
            let first = u64::from(*bundle) * size;
            (first..first + size).map(|index| u32::try_from(index).unwrap_or(u32::MAX))
        });
        Self::new(universe, leaves, decoys, rng)
    }

    /// The questions in order.
    #[must_use]
    pub fn list(&self) -> &[Question] {
        &self.list
    }

    /// The prompts in order.
    #[must_use]
    pub fn prompts(&self) -> Vec<String> {
        self.list.iter().map(|question| question.prompt.clone()).collect()
    }

    /// Hashes of the prompts in order.
    #[must_use]
    pub fn key_hashes(&self) -> Vec<KeyHash> {
        self.list.iter().map(|question| key_hash(&question.prompt)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::test_universe;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn bundles_and_decoys_are_shuffled_and_distinct() {
        let universe = test_universe(48, 0);
        let decoys: Vec<String> = (0..8).map(|i| format!("decoy {i}")).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let questions =
            Questions::of_bundles(&universe, &[0, 2], decoys.clone(), &mut rng).unwrap();
        assert_eq!(questions.list().len(), 40);
        let asked: Vec<u32> = questions.list().iter().filter_map(|q| q.fingerprint).collect();
        assert_eq!(asked.len(), 32);
        assert!(!asked.is_sorted());
        assert!(asked.iter().all(|i| *i < 16 || (32..48).contains(i)));
        let again = Questions::of_bundles(&universe, &[0, 2], decoys, &mut rng).unwrap();
        assert_ne!(questions.key_hashes(), again.key_hashes());
    }

    #[test]
    fn strangers_and_repetitions_are_refused() {
        let universe = test_universe(16, 0);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let none = Questions::new(&universe, [16], [], &mut rng).unwrap_err();
        assert_eq!(none, QuestionsError::NoSuchFingerprint { index: 16, total: 16 });
        assert!(Questions::of_bundles(&universe, &[u32::MAX], [], &mut rng).is_err());
        let twice = Questions::new(&universe, [3, 3], [], &mut rng).unwrap_err();
        assert!(matches!(twice, QuestionsError::Duplicate(_)));
        let key = universe.entries()[3].key.text().to_owned();
        assert!(Questions::new(&universe, [3], [key], &mut rng).is_err());
    }
}
