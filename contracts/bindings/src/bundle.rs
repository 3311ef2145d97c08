//! A bundle of a universe, opened towards its root.

use crate::ids::{KeyHash, ModelId, Root, Salt};
use crate::leaf::{BUNDLE, BUNDLE_LEAVES, LeafTags, leaf_hash};
use crate::tree::verify_bundle;

/// What a leaf's hash is taken of, beside the universe's own ids; the key's text stays secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeafPreimage {
    /// Index of the leaf in its universe.
    pub index: u32,
    /// Keeps everybody from guessing the key by its hash.
    pub salt: Salt,
    /// Hash of the prompt.
    pub key_hash: KeyHash,
    /// Tags of the candidates, in order.
    pub tags: LeafTags,
}

/// A whole bundle with the siblings that prove it; a proof of level 0 carries several.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProvenBundle {
    /// Number of the bundle, from 0.
    pub bundle: u32,
    /// Its 16 leaves.
    pub leaves: Vec<LeafPreimage>,
    /// Siblings of the bundle's root, bottom up.
    pub siblings: Vec<[u8; 32]>,
}

impl ProvenBundle {
    /// Whether the contract would accept it for a universe with this root and number of leaves.
    #[must_use]
    pub fn verify(&self, model: ModelId, epoch: u32, root: Root, count: u32) -> bool {
        let hashes: Vec<_> = self
            .leaves
            .iter()
            .map(|leaf| leaf_hash(model, epoch, leaf.index, leaf.salt, leaf.key_hash, &leaf.tags))
            .collect();
        let first = self.bundle.saturating_mul(BUNDLE_LEAVES);
        let in_place = self.leaves.iter().zip(first..).all(|(leaf, index)| leaf.index == index);
        <[_; BUNDLE]>::try_from(hashes).is_ok_and(|leaves| {
            in_place && verify_bundle(root, count, self.bundle, &leaves, &self.siblings)
        })
    }
}
