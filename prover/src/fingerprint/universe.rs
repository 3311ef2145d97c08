//! All fingerprints of a model, as its owner keeps them.

use std::collections::HashMap;
use std::fmt;

use oml_contracts::draw::{Part, Parts};
use oml_contracts::hash::key_hash;
use oml_contracts::leaf::leaf_hash;
use oml_contracts::tree::{TreeError, UniverseTree};
use oml_contracts::{KeyHash, LeafHash, ModelId, Root, Salt};
use rand::seq::SliceRandom as _;
use rand::{CryptoRng, Rng};

use super::{Candidates, Fingerprint, Key};

/// A fingerprint at its place among the leaves.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Index of its leaf.
    pub index: u32,
    /// Blinds the leaf: keys could be guessed.
    pub salt: Salt,
    /// The prompt whose answer is drawn.
    pub key: Key,
    /// The possible answers.
    pub candidates: Candidates,
}

impl Entry {
    /// Hash of the prompt, as the leaf holds it.
    #[must_use]
    pub fn key_hash(&self) -> KeyHash {
        key_hash(&self.key.prompt_text())
    }

    /// Hash of the leaf.
    #[must_use]
    pub fn leaf(&self, model: ModelId, epoch: u32) -> LeafHash {
        let tags = self.candidates.tags();
        leaf_hash(model, epoch, self.index, self.salt, self.key_hash(), &tags)
    }
}

// Keys and salts are the owner's secrets; logs must not leak them.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("index", &self.index).finish_non_exhaustive()
    }
}

/// A universe that can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UniverseError {
    /// The number of fingerprints is not that of the parts.
    #[error("{found} fingerprints for a universe of {personal} personal and {shared} shared ones")]
    Count {
        /// Fingerprints that were given.
        found: usize,
        /// Size of the personal part.
        personal: u32,
        /// Size of the shared part.
        shared: u32,
    },
    /// One prompt stands for two fingerprints, whose draws would then not be independent.
    #[error("entries {first} and {second} have the same key {key:?}; every key must be unique")]
    DuplicateKey {
        /// Index of the first.
        first: u32,
        /// Index of the second.
        second: u32,
        /// The prompt for which both stand.
        key: String,
    },
    /// An entry is not where its index says.
    #[error("entry {index} stands at place {place}; the entries are out of order or incomplete")]
    Order {
        /// Index of the entry.
        index: u32,
        /// Where it stands, from 0.
        place: usize,
    },
    /// No tree over the leaves.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// All fingerprints of one model and epoch, with the tree that the chain knows by its root.
///
/// Whoever has it can answer like a licensed copy; it never leaves the owner.
#[derive(Clone, PartialEq, Eq)]
pub struct Universe {
    model: ModelId,
    epoch: u32,
    parts: Parts,
    entries: Vec<Entry>,
    tree: UniverseTree,
}

impl fmt::Debug for Universe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Universe")
            .field("model", &self.model)
            .field("epoch", &self.epoch)
            .field("parts", &self.parts)
            .field("root", &self.root())
            .finish_non_exhaustive()
    }
}

impl Universe {
    /// Places fingerprints in random order, with random salts.
    ///
    /// The order matters: bundles are opened whole, so neighbors must not be alike.
    ///
    /// # Errors
    /// `Count` unless there are as many as both parts hold, `DuplicateKey`.
    pub fn build(
        model: ModelId,
        epoch: u32,
        parts: Parts,
        mut fingerprints: Vec<Fingerprint>,
        rng: &mut (impl Rng + CryptoRng),
    ) -> Result<Self, UniverseError> {
        fingerprints.shuffle(rng);
        let entries = (0..).zip(fingerprints).map(|(index, fingerprint)| Entry {
            index,
            salt: Salt::new(rng.random()),
            key: fingerprint.key,
            candidates: fingerprint.candidates,
        });
        let entries = entries.collect();
        Self::from_entries(model, epoch, parts, entries)
    }

    /// Takes entries that already have their places.
    ///
    /// # Errors
    /// `Count`, `Order`, `DuplicateKey`.
    pub fn from_entries(
        model: ModelId,
        epoch: u32,
        parts: Parts,
        entries: Vec<Entry>,
    ) -> Result<Self, UniverseError> {
        if entries.len() != parts.total() as usize {
            return Err(UniverseError::Count {
                found: entries.len(),
                personal: parts.personal(),
                shared: parts.shared(),
            });
        }
        let mut seen = HashMap::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            if entry.index as usize != place {
                return Err(UniverseError::Order { index: entry.index, place });
            }
            if let Some(first) = seen.insert(entry.key.text(), entry.index) {
                return Err(UniverseError::DuplicateKey {
                    first,
                    second: entry.index,
                    key: entry.key.text().to_owned(),
                });
            }
        }
        let tree = UniverseTree::from_leaves(entries.iter().map(|e| e.leaf(model, epoch)))?;
        Ok(Self { model, epoch, parts, entries, tree })
    }

    /// The model that it belongs to.
    #[must_use]
    pub const fn model(&self) -> ModelId {
        self.model
    }

    /// Number of this universe among the model's.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Sizes of the personal and the shared part.
    #[must_use]
    pub const fn parts(&self) -> Parts {
        self.parts
    }

    /// What goes on chain.
    #[must_use]
    pub fn root(&self) -> Root {
        self.tree.root()
    }

    /// The tree over the leaves.
    #[must_use]
    pub const fn tree(&self) -> &UniverseTree {
        &self.tree
    }

    /// Gives up everything but the tree, which takes a hash per entry to build again.
    #[must_use]
    pub fn into_tree(self) -> UniverseTree {
        self.tree
    }

    /// All entries in the order of their leaves.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Entry `index`, or `None` behind the end.
    #[must_use]
    pub fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// Entries of one part.
    #[must_use]
    pub fn part(&self, part: Part) -> &[Entry] {
        let (personal, shared) = self.entries.split_at(self.parts.personal() as usize);
        match part {
            Part::Personal => personal,
            Part::Shared => shared,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fingerprint::Candidate;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use std::sync::{LazyLock, Mutex};

    /// A key as it comes from a file; tests of this module need no tokenizer.
    pub(crate) fn key(text: &str) -> Key {
        let tokens: Vec<u32> = text.bytes().map(u32::from).collect();
        serde_json::from_value(serde_json::json!({ "text": text, "tokens": tokens })).unwrap()
    }

    pub(crate) fn fingerprint(i: u32) -> Fingerprint {
        let candidate = |j| Candidate { word: format!("word{i}x{j}"), tokens: vec![i, j] };
        Fingerprint {
            key: key(&format!("Tell me about number {i}")),
            candidates: Candidates::new((0..16).map(candidate).collect()).unwrap(),
        }
    }

    static MADE: LazyLock<Mutex<HashMap<Parts, Universe>>> = LazyLock::new(Mutex::default);

    /// The same universe for the same sizes; made once, because property tests ask for many.
    pub(crate) fn universe(personal: u32, shared: u32) -> Universe {
        let parts = Parts::new(personal, shared).unwrap();
        let make = || {
            let fingerprints = (0..parts.total()).map(fingerprint).collect();
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            Universe::build(ModelId::new([1; 32]), 2, parts, fingerprints, &mut rng).unwrap()
        };
        MADE.lock().unwrap().entry(parts).or_insert_with(make).clone()
    }

    #[test]
    fn the_root_is_that_of_the_leaves_in_order() {
        let universe = universe(32, 16);
        let leaves = universe.entries().iter().map(|e| e.leaf(universe.model(), 2));
        assert_eq!(universe.root(), UniverseTree::from_leaves(leaves).unwrap().root());
        assert_eq!(universe.part(Part::Personal).len(), 32);
        assert_eq!(universe.part(Part::Shared)[0].index, 32);
        assert_eq!(universe.entry(47).unwrap().index, 47);
        assert!(universe.entry(48).is_none());
        let in_order = universe.entries().iter().zip(0..).all(|(e, i)| e.key == fingerprint(i).key);
        assert!(!in_order, "entries are shuffled");
        let salts: std::collections::HashSet<Salt> =
            universe.entries().iter().map(|e| e.salt).collect();
        assert_eq!(salts.len(), 48);
    }

    #[test]
    fn duplicates_and_gaps_name_the_entry() {
        let universe = universe(16, 0);
        let rebuild = |entries| {
            Universe::from_entries(universe.model(), 2, universe.parts(), entries).unwrap_err()
        };
        let mut entries = universe.entries().to_vec();
        entries[9].key = entries[3].key.clone();
        let key = entries[3].key.text().to_owned();
        assert_eq!(rebuild(entries), UniverseError::DuplicateKey { first: 3, second: 9, key });
        let mut entries = universe.entries().to_vec();
        entries.swap(4, 5);
        assert_eq!(rebuild(entries), UniverseError::Order { index: 5, place: 4 });
        let entries = universe.entries()[..15].to_vec();
        assert!(matches!(rebuild(entries), UniverseError::Count { found: 15, .. }));
    }

    #[test]
    fn debug_output_holds_no_secrets() {
        let universe = universe(16, 0);
        let shown = format!("{universe:?} {:?}", universe.entries()[0]);
        assert!(!shown.contains("Tell me"), "{shown}");
        assert!(!shown.contains(&universe.entries()[0].salt.to_string()), "{shown}");
    }
}
