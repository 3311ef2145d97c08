//! The secrets of one universe, checked against its root, as cases need them.

use oml_contracts::tree::UniverseTree;
use oml_contracts::{CaseId, ModelId, Root};
use oml_prover::fingerprint::Universe;

use super::opening::{OpeningError, opened_bundles};
use super::questions::{QuestionListError, QuestionSet, SecretLeaf, drawn_leaves};
use oml_contracts::rpc::abi::ChallengeManager::OpenedBundle;

/// Most keys out of which decoys are made. Bounds the work per case; more would not look different.
const DECOY_CORPUS: usize = 4096;

/// The secrets hash to another root than the one on chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "universe of model {model}, epoch {epoch}: the file's root is {found}, on chain it is {expected}; this is not the committed universe"
)]
pub struct UniverseMismatch {
    /// Model whose universe was opened.
    pub model: ModelId,
    /// Number of the universe among those of its model.
    pub epoch: u32,
    /// Root of the leaves in the file.
    pub found: Root,
    /// Root that the chain has.
    pub expected: Root,
}

/// All leaves of a universe with their secrets. What an owner must hold to act in cases.
#[derive(Clone)]
pub struct OpenableUniverse {
    model: ModelId,
    epoch: u32,
    leaves: Vec<SecretLeaf>,
    tree: UniverseTree,
}

impl std::fmt::Debug for OpenableUniverse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenableUniverse")
            .field("model", &self.model)
            .field("epoch", &self.epoch)
            .field("leaves", &self.leaves.len())
            .finish_non_exhaustive()
    }
}

/// The candidates' texts are dropped; order and tree are those that the universe was checked by.
impl From<Universe> for OpenableUniverse {
    fn from(universe: Universe) -> Self {
        let leaves = universe.entries().iter().map(|entry| SecretLeaf {
            index: entry.index,
            salt: entry.salt,
            key: entry.key.prompt_text(),
            tags: entry.candidates.tags(),
        });
        let leaves = leaves.collect();
        let (model, epoch) = (universe.model(), universe.epoch());
        Self { model, epoch, leaves, tree: universe.into_tree() }
    }
}

impl OpenableUniverse {
    /// Refuses secrets of another universe than the committed one, before anything depends on them.
    ///
    /// # Errors
    /// [`UniverseMismatch`].
    pub fn require_root(&self, expected: Root) -> Result<(), UniverseMismatch> {
        let found = self.tree.root();
        if found == expected {
            return Ok(());
        }
        Err(UniverseMismatch { model: self.model, epoch: self.epoch, found, expected })
    }

    /// Root of its tree.
    #[must_use]
    pub fn root(&self) -> Root {
        self.tree.root()
    }

    /// Model whose fingerprints these are.
    #[must_use]
    pub const fn model(&self) -> ModelId {
        self.model
    }

    /// Number of this universe among those of its model.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The questions of a case that drew `bundles`, with `decoys` decoys. The same every time.
    ///
    /// # Errors
    /// [`QuestionListError`].
    pub fn questions(
        &self,
        case: CaseId,
        bundles: &[u32],
        decoys: usize,
    ) -> Result<QuestionSet, QuestionListError> {
        let drawn = drawn_leaves(&self.leaves, bundles)?;
        let step = self.leaves.len().div_ceil(DECOY_CORPUS).max(1);
        let corpus: Vec<&str> =
            self.leaves.iter().step_by(step).map(|leaf| leaf.key.as_str()).collect();
        QuestionSet::build(case, &drawn, &corpus, decoys)
    }

    /// The drawn bundles with their proofs, placed as `questions` asked them.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn open(
        &self,
        bundles: &[u32],
        questions: &QuestionSet,
    ) -> Result<Vec<OpenedBundle>, OpeningError> {
        let drawn = drawn_leaves(&self.leaves, bundles)?;
        opened_bundles(&self.tree, bundles, &drawn, questions.positions())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::draw::Parts;
    use oml_contracts::leaf::{LeafTags, leaf_hash};
    use oml_contracts::tree::verify_bundle;
    use oml_contracts::{LeafHash, Salt, Tag};
    use oml_prover::fingerprint::{Candidate, Candidates, Entry};

    fn universe(count: u32) -> OpenableUniverse {
        let entry = |index: u32| {
            let text = format!("key number {index} of the row");
            let key = serde_json::json!({ "text": text, "tokens": [index] });
            let candidate =
                |j| Candidate { word: format!("answer{index}x{j}"), tokens: vec![index, j] };
            Entry {
                index,
                salt: Salt::new([3; 32]),
                key: serde_json::from_value(key).unwrap(),
                candidates: Candidates::new((0..16).map(candidate).collect()).unwrap(),
            }
        };
        let (model, parts) = (ModelId::new([1; 32]), Parts::new(count, 0).unwrap());
        let entries = (0..count).map(entry).collect();
        Universe::from_entries(model, 2, parts, entries).unwrap().into()
    }

    #[test]
    fn opened_bundles_verify_against_the_root_and_stand_where_they_were_asked() {
        let universe = universe(64);
        let bundles = [3, 1];
        let set = universe.questions(CaseId::new([9; 32]), &bundles, 8).unwrap();
        assert_eq!(set.count(), 40);
        let opened = universe.open(&bundles, &set).unwrap();
        let hashes = set.key_hashes();
        for (bundle, given) in bundles.iter().zip(&opened) {
            let mut index = bundle * 16;
            let leaves: [LeafHash; 16] = std::array::from_fn(|l| {
                let leaf = &given.leaves[l];
                assert_eq!(
                    leaf.keyHash,
                    alloy::primitives::B256::from(hashes[usize::from(leaf.position)])
                );
                let words = leaf.tags.map(|word| word.0).concat();
                let tags = LeafTags::new(std::array::from_fn(|j| {
                    Tag::new(words[4 * j..4 * j + 4].try_into().unwrap())
                }));
                index += 1;
                leaf_hash(
                    universe.model,
                    2,
                    index - 1,
                    leaf.salt.into(),
                    leaf.keyHash.into(),
                    &tags.unwrap(),
                )
            });
            let siblings: Vec<[u8; 32]> = given.siblings.iter().map(|s| s.0).collect();
            assert!(verify_bundle(universe.tree.root(), 64, *bundle, &leaves, &siblings));
        }
    }

    #[test]
    fn another_universe_is_refused_by_its_root() {
        let universe = universe(32);
        assert!(universe.require_root(universe.tree.root()).is_ok());
        let error = universe.require_root(Root::new([7; 32])).unwrap_err();
        assert_eq!((error.found, error.expected), (universe.root(), Root::new([7; 32])));
    }
}
