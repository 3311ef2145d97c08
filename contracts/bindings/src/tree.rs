//! The tree over a universe's leaves, opened bundle by bundle.
//!
//! A bundle is an aligned subtree of 16 leaves, so its proof is the path of its root: one sibling
//! per level, bottom up. Only bundle roots and what is above them is kept.

use crate::ids::{LeafHash, Root};
use crate::keccak::keccak_parts;
use crate::leaf::{BUNDLE, BUNDLE_LEAVES};

/// Most leaves of a universe. Bounds proofs (16 siblings) and memory (4 MiB).
pub const MAX_LEAVES: u32 = 1 << 20;

/// A tree that can't be, or a proof that can't be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A universe has at least one fingerprint.
    #[error("a universe without fingerprints has no tree; add at least 16")]
    Empty,
    /// More leaves than [`MAX_LEAVES`].
    #[error("more than {MAX_LEAVES} leaves; split the universe into epochs")]
    TooLarge,
    /// The bundle lies behind the last leaf.
    #[error("bundle {bundle} does not exist: the universe has {bundles} bundles, counted from 0")]
    NoSuchBundle {
        /// The bundle asked for.
        bundle: u32,
        /// How many there are.
        bundles: u32,
    },
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    keccak_parts(&[left, right])
}

/// Root of a bundle; leaves behind the end of the universe are [`LeafHash::ZERO`].
#[must_use]
pub(crate) fn bundle_root(leaves: &[LeafHash; BUNDLE]) -> [u8; 32] {
    let mut nodes = leaves.map(<[u8; 32]>::from);
    let mut width = BUNDLE;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            nodes[i] = node(&nodes[2 * i], &nodes[2 * i + 1]);
        }
    }
    nodes[0]
}

/// Tree over all leaves of a universe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniverseTree {
    /// `levels[0]` = bundle roots, the last level = the root.
    levels: Vec<Vec<[u8; 32]>>,
    count: u32,
}

impl UniverseTree {
    /// Builds the tree from leaf hashes in index order; takes them one by one.
    ///
    /// # Errors
    /// [`TreeError::Empty`] without leaves, [`TreeError::TooLarge`] with more than [`MAX_LEAVES`].
    pub fn from_leaves(leaves: impl IntoIterator<Item = LeafHash>) -> Result<Self, TreeError> {
        Self::build(leaves, MAX_LEAVES)
    }

    fn build(leaves: impl IntoIterator<Item = LeafHash>, limit: u32) -> Result<Self, TreeError> {
        let mut roots = Vec::new();
        let mut bundle = [LeafHash::ZERO; BUNDLE];
        let mut count = 0_u32;
        for leaf in leaves {
            if count == limit {
                return Err(TreeError::TooLarge);
            }
            let place = count as usize % BUNDLE;
            bundle[place] = leaf;
            count += 1;
            if place == BUNDLE - 1 {
                roots.push(bundle_root(&std::mem::replace(&mut bundle, [LeafHash::ZERO; BUNDLE])));
            }
        }
        if count == 0 {
            return Err(TreeError::Empty);
        }
        let filler = bundle_root(&[LeafHash::ZERO; BUNDLE]);
        if !count.is_multiple_of(BUNDLE_LEAVES) {
            roots.push(bundle_root(&bundle));
        }
        roots.resize(roots.len().next_power_of_two(), filler);

        let mut levels = vec![roots];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks_exact(2).map(|pair| node(&pair[0], &pair[1])).collect();
            levels.push(above);
        }
        Ok(Self { levels, count })
    }

    /// The commitment that goes on chain.
    #[must_use]
    pub fn root(&self) -> Root {
        Root::new(self.levels[self.levels.len() - 1][0])
    }

    /// Leaves that were given, without fillers.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Bundles that hold at least one given leaf.
    #[must_use]
    pub const fn bundles(&self) -> u32 {
        self.count.div_ceil(BUNDLE_LEAVES)
    }

    /// Siblings of the bundle's root, bottom up.
    ///
    /// # Errors
    /// [`TreeError::NoSuchBundle`].
    pub fn bundle_proof(&self, bundle: u32) -> Result<Vec<[u8; 32]>, TreeError> {
        if bundle >= self.bundles() {
            return Err(TreeError::NoSuchBundle { bundle, bundles: self.bundles() });
        }
        let below_root = &self.levels[..self.levels.len() - 1];
        let path = below_root.iter().enumerate();
        Ok(path.map(|(height, level)| level[(bundle as usize >> height) ^ 1]).collect())
    }
}

/// Whether 16 leaves are bundle `bundle` of the universe with this root and leaf count.
///
/// The count fixes the number of siblings, so a proof can neither be shortened nor extended.
#[must_use]
pub fn verify_bundle(
    root: Root,
    count: u32,
    bundle: u32,
    leaves: &[LeafHash; BUNDLE],
    siblings: &[[u8; 32]],
) -> bool {
    let bundles = count.div_ceil(BUNDLE_LEAVES);
    if bundle >= bundles || siblings.len() != bundles.next_power_of_two().ilog2() as usize {
        return false;
    }
    let mut hash = bundle_root(leaves);
    for (height, sibling) in siblings.iter().enumerate() {
        let right = bundle >> height & 1 == 1;
        hash = if right { node(sibling, &hash) } else { node(&hash, sibling) };
    }
    hash == <[u8; 32]>::from(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keccak::keccak256;
    use proptest::prelude::*;

    fn leaves(count: u32) -> Vec<LeafHash> {
        (0..count).map(|i| LeafHash::new(keccak256(&i.to_be_bytes()))).collect()
    }

    /// The definition, word for word.
    fn plain_root(leaves: &[LeafHash]) -> Root {
        let width = leaves.len().max(BUNDLE).next_power_of_two();
        let mut level: Vec<[u8; 32]> = leaves.iter().map(|leaf| (*leaf).into()).collect();
        level.resize(width, [0; 32]);
        while level.len() > 1 {
            level = level.chunks(2).map(|pair| keccak256(&pair.concat())).collect();
        }
        Root::new(level[0])
    }

    fn bundle_of(all: &[LeafHash], bundle: u32) -> [LeafHash; BUNDLE] {
        std::array::from_fn(|i| {
            all.get(bundle as usize * BUNDLE + i).copied().unwrap_or(LeafHash::ZERO)
        })
    }

    #[test]
    fn refuses_nothing_and_too_much() {
        assert_eq!(UniverseTree::from_leaves([]), Err(TreeError::Empty));
        assert!(UniverseTree::build(leaves(64), 64).is_ok());
        assert_eq!(UniverseTree::build(leaves(65), 64), Err(TreeError::TooLarge));
        let tree = UniverseTree::from_leaves(leaves(17)).unwrap();
        assert_eq!(tree.bundle_proof(2), Err(TreeError::NoSuchBundle { bundle: 2, bundles: 2 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equals_the_definition_and_opens_every_bundle(count in 1_u32..400) {
            let all = leaves(count);
            let tree = UniverseTree::from_leaves(all.iter().copied()).unwrap();
            prop_assert_eq!(tree.root(), plain_root(&all));
            for bundle in 0..tree.bundles() {
                let proof = tree.bundle_proof(bundle).unwrap();
                let opened = bundle_of(&all, bundle);
                prop_assert!(verify_bundle(tree.root(), count, bundle, &opened, &proof));
            }
        }

        #[test]
        fn any_change_breaks_the_proof(count in 33_u32..200, bundle in 0_u32..3, place in 0_usize..16, flip in 0_usize..32) {
            let all = leaves(count);
            let tree = UniverseTree::from_leaves(all.iter().copied()).unwrap();
            let proof = tree.bundle_proof(bundle).unwrap();
            let mut opened = bundle_of(&all, bundle);
            prop_assert!(!verify_bundle(tree.root(), count, bundle ^ 1, &opened, &proof));
            prop_assert!(!verify_bundle(tree.root(), count, bundle, &opened, &proof[1..]));
            let mut wrong = proof.clone();
            wrong[0][flip] ^= 1;
            prop_assert!(!verify_bundle(tree.root(), count, bundle, &opened, &wrong));
            let mut bytes = <[u8; 32]>::from(opened[place]);
            bytes[flip] ^= 1;
            opened[place] = LeafHash::new(bytes);
            prop_assert!(!verify_bundle(tree.root(), count, bundle, &opened, &proof));
        }
    }
}
