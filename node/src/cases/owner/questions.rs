//! What a committee asks: the keys of the drawn bundles and decoys, in a secret order.
//!
//! The list is a function of the universe's secrets and of the case: the seed of its order is the
//! hash of the drawn leaves' salts, which nobody else knows before the leaves are opened. So it can
//! be rebuilt after a lost database, by a second copy of the node, and (once the salts are open)
//! checked by anyone; and a reorg that draws other bundles leads to another list by itself.

use oml_contracts::hash::{keccak256, key_hash};
use oml_contracts::leaf::{BUNDLE, LeafTags};
use oml_contracts::{CaseId, KeyHash, QuestionsHash, Salt};
use serde::{Deserialize, Serialize};

use super::decoys::{TooFewDecoys, make_decoys};
use crate::cases::handout::hash_of;
use crate::cases::shuffle::shuffle;

/// Largest number of questions of a case; positions are counted in a byte.
pub(crate) const MAX_QUESTIONS: usize = 255;

const SEED_DOMAIN: &[u8] = b"OML.questions.v1";

/// Why no question list can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionListError {
    /// The universe file does not hold a drawn leaf.
    #[error(
        "bundle {bundle} was drawn, but the universe file has only {leaves} fingerprints; it is of another epoch or incomplete"
    )]
    BundleOutOfRange {
        /// Bundle that the case drew.
        bundle: u32,
        /// Fingerprints in the file.
        leaves: usize,
    },
    /// Fingerprints and decoys exceed what a case can ask.
    #[error(
        "{fingerprints} fingerprints and {decoys} decoys are more than {MAX_QUESTIONS} questions"
    )]
    TooMany {
        /// How many fingerprints the case drew.
        fingerprints: usize,
        /// Decoys asked for.
        decoys: usize,
    },
    /// The same key stands in two drawn leaves, so that its answer would count twice.
    #[error("drawn fingerprints {first} and {second} have the same key; the universe is faulty")]
    RepeatedKey {
        /// Index of one in the universe.
        first: u32,
        /// Index of the other.
        second: u32,
    },
    /// Decoys can't be made.
    #[error(transparent)]
    Decoys(#[from] TooFewDecoys),
}

/// One committed fingerprint with its secrets, as the universe file holds it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretLeaf {
    /// Index in the universe.
    pub(crate) index: u32,
    /// Blinds the leaf.
    pub(crate) salt: Salt,
    /// Prompt that asks for it.
    pub(crate) key: String,
    /// Tags of the 16 candidates, sorted.
    pub(crate) tags: LeafTags,
}

impl std::fmt::Debug for SecretLeaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretLeaf").field("index", &self.index).finish_non_exhaustive()
    }
}

/// The questions of one case, in the order in which they are asked and revealed.
#[derive(Clone, PartialEq, Eq)]
pub struct QuestionSet {
    prompts: Vec<String>,
    positions: Vec<u16>,
    hash: QuestionsHash,
}

impl std::fmt::Debug for QuestionSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuestionSet")
            .field("count", &self.prompts.len())
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl QuestionSet {
    /// Chooses decoys and order for the drawn `leaves` (bundle by bundle). `corpus` are keys of the
    /// universe, out of which decoys are made.
    ///
    /// # Errors
    /// [`QuestionListError`].
    pub(crate) fn build(
        case: CaseId,
        leaves: &[SecretLeaf],
        corpus: &[&str],
        decoys: usize,
    ) -> Result<Self, QuestionListError> {
        if leaves.len() + decoys > MAX_QUESTIONS {
            return Err(QuestionListError::TooMany { fingerprints: leaves.len(), decoys });
        }
        refuse_repeated_keys(leaves)?;
        let seed = secret_seed(case, leaves);
        let decoys = make_decoys(corpus, decoys, derived(seed, b"decoys"))?;

        let mut prompts: Vec<(Option<usize>, String)> =
            leaves.iter().enumerate().map(|(j, leaf)| (Some(j), leaf.key.clone())).collect();
        prompts.extend(decoys.into_iter().map(|decoy| (None, decoy)));
        shuffle(&mut prompts, derived(seed, b"order"));

        let mut positions = vec![0; leaves.len()];
        for (place, (fingerprint, _)) in (0_u16..).zip(&prompts) {
            if let Some(j) = fingerprint {
                positions[*j] = place;
            }
        }
        let prompts: Vec<String> = prompts.into_iter().map(|(_, prompt)| prompt).collect();
        let hash = hash_of(&prompts);
        Ok(Self { prompts, positions, hash })
    }

    /// Prompts in order.
    #[must_use]
    pub fn prompts(&self) -> &[String] {
        &self.prompts
    }

    /// Hashes of the prompts, in order.
    #[must_use]
    pub fn key_hashes(&self) -> Vec<KeyHash> {
        self.prompts.iter().map(|prompt| key_hash(prompt)).collect()
    }

    /// Hashes of the questions that are not fingerprints, in order.
    #[must_use]
    pub fn decoy_hashes(&self) -> Vec<KeyHash> {
        let is_decoy = |place: &usize| !self.positions.iter().any(|p| usize::from(*p) == *place);
        let decoys = (0..self.prompts.len()).filter(is_decoy);
        decoys.map(|place| key_hash(&self.prompts[place])).collect()
    }

    /// Position among the questions of each fingerprint, bundle by bundle.
    #[must_use]
    pub fn positions(&self) -> &[u16] {
        &self.positions
    }

    /// Number of questions.
    #[must_use]
    pub fn count(&self) -> u16 {
        // At most MAX_QUESTIONS by construction.
        u16::try_from(self.prompts.len()).unwrap_or(u16::MAX)
    }

    /// What is posted on chain.
    #[must_use]
    pub const fn hash(&self) -> QuestionsHash {
        self.hash
    }

    /// What is written to the store before the hash is posted.
    #[must_use]
    pub fn record(&self, bundles: &[u32]) -> QuestionsRecord {
        QuestionsRecord {
            version: 1,
            questions_hash: self.hash,
            count: self.count(),
            bundles: bundles.to_vec(),
        }
    }
}

/// Trace of a posted list. It holds no secret: the list itself is rebuilt from the universe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionsRecord {
    /// Version of how lists are built.
    pub version: u32,
    /// Hash that was posted.
    pub questions_hash: QuestionsHash,
    /// Number of questions.
    pub count: u16,
    /// Bundles for which the list was built.
    pub bundles: Vec<u32>,
}

/// The leaves of the drawn bundles, in order.
///
/// # Errors
/// [`QuestionListError::BundleOutOfRange`].
pub(crate) fn drawn_leaves<T: Clone>(
    all: &[T],
    bundles: &[u32],
) -> Result<Vec<T>, QuestionListError> {
    let mut drawn = Vec::with_capacity(bundles.len() * BUNDLE);
    for &bundle in bundles {
        let start = bundle as usize * BUNDLE;
        let leaves = all
            .get(start..start + BUNDLE)
            .ok_or(QuestionListError::BundleOutOfRange { bundle, leaves: all.len() })?;
        drawn.extend_from_slice(leaves);
    }
    Ok(drawn)
}

fn refuse_repeated_keys(leaves: &[SecretLeaf]) -> Result<(), QuestionListError> {
    let mut seen = std::collections::HashMap::new();
    for leaf in leaves {
        if let Some(first) = seen.insert(leaf.key.as_str(), leaf.index) {
            return Err(QuestionListError::RepeatedKey { first, second: leaf.index });
        }
    }
    Ok(())
}

fn secret_seed(case: CaseId, leaves: &[SecretLeaf]) -> [u8; 32] {
    let mut preimage = SEED_DOMAIN.to_vec();
    preimage.extend_from_slice(case.as_bytes());
    for leaf in leaves {
        preimage.extend_from_slice(leaf.salt.as_bytes());
    }
    keccak256(&preimage)
}

fn derived(seed: [u8; 32], purpose: &[u8]) -> [u8; 32] {
    keccak256(&[seed.as_slice(), purpose].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::Tag;
    use oml_contracts::hash::questions_hash;
    use std::collections::HashSet;

    pub(crate) fn leaves(count: u32, salt: u8) -> Vec<SecretLeaf> {
        let tags = LeafTags::sorted([0_u8; 16].map({
            let mut last = 0;
            move |_| {
                last += 1;
                Tag::new([0, 0, 0, last])
            }
        }));
        (0..count)
            .map(|index| SecretLeaf {
                index,
                salt: Salt::new([salt; 32]),
                key: format!("the {index} key of row {} begins", index % 7),
                tags: tags.unwrap(),
            })
            .collect()
    }

    fn build(
        case: u8,
        leaves: &[SecretLeaf],
        decoys: usize,
    ) -> Result<QuestionSet, QuestionListError> {
        let corpus: Vec<&str> = leaves.iter().map(|l| l.key.as_str()).collect();
        QuestionSet::build(CaseId::new([case; 32]), leaves, &corpus, decoys)
    }

    #[test]
    fn every_fingerprint_is_asked_at_its_position_among_distinct_prompts() {
        let leaves = leaves(32, 1);
        let set = build(1, &leaves, 16).unwrap();
        assert_eq!(set.count(), 48);
        assert_eq!(set.prompts().iter().collect::<HashSet<_>>().len(), 48);
        for (leaf, position) in leaves.iter().zip(set.positions()) {
            assert_eq!(set.prompts()[usize::from(*position)], leaf.key);
        }
        assert_eq!(set.hash(), questions_hash(&set.key_hashes()));
        assert_eq!(set.hash(), hash_of(set.prompts()));
    }

    #[test]
    fn the_list_is_repeatable_but_depends_on_case_and_salts() {
        let set = build(1, &leaves(16, 1), 8).unwrap();
        assert_eq!(set, build(1, &leaves(16, 1), 8).unwrap());
        assert_ne!(set.positions(), build(2, &leaves(16, 1), 8).unwrap().positions());
        assert_ne!(set.positions(), build(1, &leaves(16, 2), 8).unwrap().positions());
    }

    #[test]
    fn impossible_lists_are_refused_by_name() {
        assert_eq!(
            build(1, &leaves(240, 1), 16),
            Err(QuestionListError::TooMany { fingerprints: 240, decoys: 16 })
        );
        let mut twice = leaves(16, 1);
        twice[9].key = twice[2].key.clone();
        assert_eq!(
            build(1, &twice, 4),
            Err(QuestionListError::RepeatedKey { first: 2, second: 9 })
        );
        assert_eq!(
            drawn_leaves(&leaves(32, 1), &[0, 2]),
            Err(QuestionListError::BundleOutOfRange { bundle: 2, leaves: 32 })
        );
        assert_eq!(
            drawn_leaves(&leaves(32, 1), &[u32::MAX]),
            Err(QuestionListError::BundleOutOfRange { bundle: u32::MAX, leaves: 32 })
        );
    }

    #[test]
    fn drawn_leaves_come_in_the_order_of_the_draw() {
        let drawn = drawn_leaves(&leaves(48, 1), &[2, 0]).unwrap();
        let indices: Vec<u32> = drawn.iter().map(|l| l.index).collect();
        assert_eq!(indices, (32..48).chain(0..16).collect::<Vec<_>>());
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let leaves = leaves(16, 9);
        let shown = format!("{:?} {:?}", leaves[3], build(1, &leaves, 4).unwrap());
        assert!(!shown.contains("key of row") && !shown.contains("0909"), "{shown}");
    }
}
