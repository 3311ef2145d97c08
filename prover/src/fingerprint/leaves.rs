//! Whole bundles of leaves that an owner opens outside of a case, with the proof that they belong to
//! the committed root: what a level-0 proof rests on.

use oml_contracts::leaf::{BUNDLE, LeafTags, leaf_hash};
use oml_contracts::tree::{TreeError, verify_bundle};
use oml_contracts::{KeyHash, ModelId, Root, Salt};

use super::Universe;

/// What hashes to one leaf: the leaf without the prompt's text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeafPreimage {
    /// Index of the leaf.
    pub index: u32,
    /// The salt that blinds it.
    pub salt: Salt,
    /// Hash of the prompt.
    pub key_hash: KeyHash,
    /// Tags of the candidates, in order.
    pub tags: LeafTags,
}

/// A whole bundle with its proof.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BundleOpening {
    /// Number of the bundle, from 0.
    pub bundle: u32,
    /// Its 16 leaves.
    pub leaves: Vec<LeafPreimage>,
    /// Siblings of the bundle's root, bottom up.
    pub siblings: Vec<[u8; 32]>,
}

impl BundleOpening {
    /// Whether the contract would accept it for a universe with this root and number of leaves.
    #[must_use]
    pub fn verify(&self, model: ModelId, epoch: u32, root: Root, count: u32) -> bool {
        let hashes: Vec<_> = self
            .leaves
            .iter()
            .map(|leaf| leaf_hash(model, epoch, leaf.index, leaf.salt, leaf.key_hash, &leaf.tags))
            .collect();
        let first = u64::from(self.bundle) * BUNDLE as u64;
        let mut places = self.leaves.iter().zip(first..);
        let in_place = places.all(|(leaf, index)| u64::from(leaf.index) == index);
        <[_; BUNDLE]>::try_from(hashes).is_ok_and(|leaves| {
            in_place && verify_bundle(root, count, self.bundle, &leaves, &self.siblings)
        })
    }
}

impl Universe {
    /// Opens a bundle. Whoever sees it can't be tested with these fingerprints any more.
    ///
    /// # Errors
    /// [`TreeError::NoSuchBundle`].
    pub fn open_bundle(&self, bundle: u32) -> Result<BundleOpening, TreeError> {
        let siblings = self.tree().bundle_proof(bundle)?;
        let first = bundle as usize * BUNDLE;
        let entries = self.entries().iter().skip(first).take(BUNDLE);
        let leaves = entries
            .map(|entry| LeafPreimage {
                index: entry.index,
                salt: entry.salt,
                key_hash: entry.key_hash(),
                tags: entry.candidates.tags(),
            })
            .collect();
        Ok(BundleOpening { bundle, leaves, siblings })
    }
}

#[cfg(test)]
mod tests {
    use super::super::universe::tests::universe;
    use super::*;

    #[test]
    fn every_bundle_opens_under_the_root_and_only_there() {
        let universe = universe(48, 16);
        let (model, epoch, root) = (universe.model(), universe.epoch(), universe.root());
        for bundle in 0..4 {
            let opening = universe.open_bundle(bundle).unwrap();
            assert_eq!(opening.leaves.len(), BUNDLE);
            assert!(opening.verify(model, epoch, root, 64));
            assert!(!opening.verify(model, epoch + 1, root, 64));
            assert!(!opening.verify(model, epoch, Root::new([3; 32]), 64));
            let mut other = opening.clone();
            other.bundle ^= 1;
            assert!(!other.verify(model, epoch, root, 64));
            let mut short = opening;
            short.leaves.pop();
            assert!(!short.verify(model, epoch, root, 64));
        }
        assert_eq!(universe.open_bundle(4), Err(TreeError::NoSuchBundle { bundle: 4, bundles: 4 }));
    }
}
