//! The sixteen responses from which a fingerprint's answer is drawn.

use oml_contracts::Tag;
use oml_contracts::leaf::{CANDIDATES, LeafTags};
use oml_contracts::tag::{normalise, tag_of};
use serde::{Deserialize, Serialize};

use super::FingerprintError;

/// One possible response to a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Normal form of the response: the word that is hashed into its tag.
    pub word: String,
    /// Tokens to train: those of the word and the one after it, which fixes where the word ends.
    pub tokens: Vec<u32>,
}

impl Candidate {
    /// First four bytes of the hash of the word.
    #[must_use]
    pub fn tag(&self) -> Tag {
        tag_of(&self.word)
    }
}

/// Exactly 16 candidates with distinct words and tags, in the order of their tags: the order in
/// which a leaf commits them and in which the draw's index counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Candidate>", into = "Vec<Candidate>")]
pub struct Candidates {
    sorted: Vec<Candidate>,
    tags: LeafTags,
}

impl Candidates {
    /// Sorts candidates by tag and checks them.
    ///
    /// # Errors
    /// `Candidates` if there are not 16, or if one has no tokens or a word that is not in normal
    /// form; `Tags` if two share a tag.
    pub fn new(mut candidates: Vec<Candidate>) -> Result<Self, FingerprintError> {
        let refuse = |fault: String| FingerprintError::Candidates { fault };
        for candidate in &candidates {
            if candidate.tokens.is_empty() {
                return Err(refuse(format!("{:?} has no tokens", candidate.word)));
            }
            if candidate.word.is_empty() || normalise(&candidate.word) != candidate.word {
                return Err(refuse(format!("{:?} is not one normalised word", candidate.word)));
            }
        }
        candidates.sort_by_cached_key(Candidate::tag);
        let tags: Vec<Tag> = candidates.iter().map(Candidate::tag).collect();
        let tags: [Tag; CANDIDATES] = tags
            .try_into()
            .map_err(|tags: Vec<Tag>| refuse(format!("there are {} of them", tags.len())))?;
        let tags = LeafTags::new(tags)?;
        Ok(Self { sorted: candidates, tags })
    }

    /// Candidate `index` in the order of tags; `None` from 16 on.
    #[must_use]
    pub fn get(&self, index: u8) -> Option<&Candidate> {
        self.sorted.get(usize::from(index))
    }

    /// The candidates in the order of their tags.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Candidate> {
        self.sorted.iter()
    }

    /// The tags in order, as a leaf commits them.
    #[must_use]
    pub fn tags(&self) -> LeafTags {
        self.tags
    }
}

impl TryFrom<Vec<Candidate>> for Candidates {
    type Error = FingerprintError;

    fn try_from(candidates: Vec<Candidate>) -> Result<Self, Self::Error> {
        Self::new(candidates)
    }
}

impl From<Candidates> for Vec<Candidate> {
    fn from(candidates: Candidates) -> Self {
        candidates.sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: u32) -> Vec<Candidate> {
        (0..count).map(|i| Candidate { word: format!("word{i}"), tokens: vec![i] }).collect()
    }

    #[test]
    fn sixteen_distinct_words_come_out_in_the_order_of_tags() {
        let candidates = Candidates::new(words(16)).unwrap();
        let tags: Vec<Tag> = candidates.iter().map(Candidate::tag).collect();
        assert!(tags.is_sorted() && tags == candidates.tags().as_array());
        assert_eq!(candidates.get(3).map(Candidate::tag), candidates.tags().get(3));
        assert!(candidates.get(16).is_none());
        let json = serde_json::to_string(&candidates).unwrap();
        assert_eq!(serde_json::from_str::<Candidates>(&json).unwrap(), candidates);
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(Candidates::new(words(15)).is_err());
        assert!(Candidates::new(words(17)).is_err());
        for word in ["word1", "two words", "", " lead"] {
            let mut set = words(16);
            set[0].word = word.to_owned();
            assert!(Candidates::new(set).is_err(), "{word:?}");
        }
        let mut set = words(16);
        set[0].tokens.clear();
        assert!(Candidates::new(set).is_err());
    }
}
