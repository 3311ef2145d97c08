//! The secrets of one universe, checked against its root, as cases need them.

use oml_contracts::hash::key_hash;
use oml_contracts::leaf::leaf_hash;
use oml_contracts::tree::{TreeError, UniverseTree};
use oml_contracts::{CaseId, ModelId, Root};

use super::opening::{OpeningError, opened_bundles};
use super::questions::{QuestionListError, QuestionSet, SecretLeaf, drawn_leaves};
use oml_contracts::rpc::abi::ChallengeManager::OpenedBundle;

/// Most keys out of which decoys are made. Bounds the work per case; more would not look different.
const DECOY_CORPUS: usize = 4096;

/// Why secrets are not those of a universe on chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UniverseMismatch {
    /// No tree can be built.
    #[error("universe of model {model}, epoch {epoch}: {cause}")]
    Tree {
        /// Model whose universe was opened.
        model: ModelId,
        /// Number of the universe among those of its model.
        epoch: u32,
        /// What is wrong with the leaves.
        cause: TreeError,
    },
    /// Leaves are out of order, or some are missing.
    #[error(
        "universe of model {model}, epoch {epoch}: leaf {index} stands at place {place}; the file is damaged"
    )]
    Order {
        /// Model whose universe was opened.
        model: ModelId,
        /// Number of the universe among those of its model.
        epoch: u32,
        /// Index that the leaf names.
        index: u32,
        /// Where it stands.
        place: usize,
    },
    /// The leaves hash to another root.
    #[error(
        "universe of model {model}, epoch {epoch}: the file's root is {found}, on chain it is {expected}; this is not the committed universe"
    )]
    Root {
        /// Model whose universe was opened.
        model: ModelId,
        /// Number of the universe among those of its model.
        epoch: u32,
        /// Root of the leaves.
        found: Root,
        /// Root that the chain has.
        expected: Root,
    },
}

/// All leaves of a universe with their secrets. What an owner must hold to act in cases.
#[derive(Clone)]
pub struct SecretUniverse {
    model: ModelId,
    epoch: u32,
    leaves: Vec<SecretLeaf>,
    tree: UniverseTree,
}

impl std::fmt::Debug for SecretUniverse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretUniverse")
            .field("model", &self.model)
            .field("epoch", &self.epoch)
            .field("leaves", &self.leaves.len())
            .finish_non_exhaustive()
    }
}

impl SecretUniverse {
    /// Takes the leaves of a universe in index order.
    ///
    /// # Errors
    /// [`UniverseMismatch::Order`], [`UniverseMismatch::Tree`].
    pub fn new(
        model: ModelId,
        epoch: u32,
        leaves: Vec<SecretLeaf>,
    ) -> Result<Self, UniverseMismatch> {
        if let Some((place, leaf)) =
            leaves.iter().enumerate().find(|(place, leaf)| leaf.index as usize != *place)
        {
            return Err(UniverseMismatch::Order { model, epoch, index: leaf.index, place });
        }
        let hashes = leaves.iter().map(|leaf| {
            leaf_hash(model, epoch, leaf.index, leaf.salt, key_hash(&leaf.key), &leaf.tags)
        });
        let tree = UniverseTree::from_leaves(hashes).map_err(|cause| UniverseMismatch::Tree {
            model,
            epoch,
            cause,
        })?;
        Ok(Self { model, epoch, leaves, tree })
    }

    /// Refuses secrets of another universe than the committed one, before anything depends on them.
    ///
    /// # Errors
    /// [`UniverseMismatch::Root`].
    pub fn require_root(&self, expected: Root) -> Result<(), UniverseMismatch> {
        let found = self.tree.root();
        if found == expected {
            return Ok(());
        }
        Err(UniverseMismatch::Root { model: self.model, epoch: self.epoch, found, expected })
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
    use oml_contracts::leaf::LeafTags;
    use oml_contracts::tree::verify_bundle;
    use oml_contracts::{LeafHash, Salt, Tag};

    fn universe(count: u32) -> SecretUniverse {
        let tags = LeafTags::sorted([0_u8; 16].map({
            let mut last = 0;
            move |_| {
                last += 1;
                Tag::new([0, 0, 0, last])
            }
        }));
        let leaves = (0..count)
            .map(|index| SecretLeaf {
                index,
                salt: Salt::new([3; 32]),
                key: format!("key number {index} of the row"),
                tags: tags.unwrap(),
            })
            .collect();
        SecretUniverse::new(ModelId::new([1; 32]), 2, leaves).unwrap()
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
        assert!(matches!(
            universe.require_root(Root::new([7; 32])),
            Err(UniverseMismatch::Root { .. })
        ));
    }

    #[test]
    fn missing_leaves_are_named() {
        let mut leaves = universe(32).leaves;
        leaves.remove(4);
        let error = SecretUniverse::new(ModelId::new([1; 32]), 0, leaves).unwrap_err();
        assert!(matches!(error, UniverseMismatch::Order { index: 5, place: 4, .. }), "{error}");
    }
}
