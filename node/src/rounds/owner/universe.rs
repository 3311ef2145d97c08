//! The secrets of one universe, checked against its root, as rounds need them.

use oml_contracts::bundle::{LeafPreimage, ProvenBundle};
use oml_contracts::hash::key_hash;
use oml_contracts::leaf::{BUNDLE, LeafTags};
use oml_contracts::round::{SEAT_KEYS, SeatIndex};
use oml_contracts::tree::{TreeError, UniverseTree};
use oml_contracts::{ModelId, Root, Salt};
use oml_prover::fingerprint::Universe;

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

/// A bundle that the file does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not all of its leaves are there.
    #[error(
        "bundle {bundle} was drawn, but the universe file has only {leaves} fingerprints; it is of another epoch or incomplete"
    )]
    OutOfRange {
        /// Number of the bundle.
        bundle: u32,
        /// Fingerprints of the file.
        leaves: usize,
    },
    /// The tree has no proof of it.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// One leaf with its secrets.
#[derive(Clone)]
struct SecretLeaf {
    index: u32,
    salt: Salt,
    key: String,
    tags: LeafTags,
}

/// All leaves of a universe with their secrets. What an owner must hold to act in rounds.
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
    pub(crate) fn require_root(&self, expected: Root) -> Result<(), UniverseMismatch> {
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

    /// Bundles of the file, which are those of the tree.
    #[must_use]
    pub const fn bundles(&self) -> u32 {
        self.tree.bundles()
    }

    /// The eight keys of a seat whose bundle was drawn.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn keys_of(&self, bundle: u32, seat: SeatIndex) -> Result<Vec<String>, BundleError> {
        let leaves = &self.leaves_of(bundle)?[seat.first_leaf()..][..SEAT_KEYS];
        Ok(leaves.iter().map(|leaf| leaf.key.clone()).collect())
    }

    /// A bundle with its proof, as the opening brings it.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open(&self, bundle: u32) -> Result<ProvenBundle, BundleError> {
        let leaves = self.leaves_of(bundle)?.iter().map(|leaf| LeafPreimage {
            index: leaf.index,
            salt: leaf.salt,
            key_hash: key_hash(&leaf.key),
            tags: leaf.tags,
        });
        Ok(ProvenBundle {
            bundle,
            leaves: leaves.collect(),
            siblings: self.tree.bundle_proof(bundle)?,
        })
    }

    fn leaves_of(&self, bundle: u32) -> Result<&[SecretLeaf], BundleError> {
        let first = bundle as usize * BUNDLE;
        let out = BundleError::OutOfRange { bundle, leaves: self.leaves.len() };
        self.leaves.get(first..first + BUNDLE).ok_or(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::draw::Parts;
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
    fn opened_bundles_verify_against_the_root() {
        let universe = universe(64);
        for bundle in [3, 1] {
            let opened = universe.open(bundle).unwrap();
            assert!(opened.verify(universe.model, 2, universe.root(), 64));
            let keys: Vec<_> = [0, 1]
                .iter()
                .flat_map(|half| universe.keys_of(bundle, SeatIndex(*half)).unwrap())
                .collect();
            let hashes: Vec<_> = opened.leaves.iter().map(|leaf| leaf.key_hash).collect();
            assert_eq!(keys.iter().map(|key| key_hash(key)).collect::<Vec<_>>(), hashes);
        }
        let out = universe.open(4).unwrap_err();
        assert_eq!(out, BundleError::OutOfRange { bundle: 4, leaves: 64 });
    }

    #[test]
    fn another_universe_is_refused_by_its_root() {
        let universe = universe(32);
        assert!(universe.require_root(universe.tree.root()).is_ok());
        let error = universe.require_root(Root::new([7; 32])).unwrap_err();
        assert_eq!((error.found, error.expected), (universe.root(), Root::new([7; 32])));
    }
}
