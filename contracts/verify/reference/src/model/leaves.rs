//! Fingerprints: what a leaf hashes to, which candidate is drawn, and whether bundles are opened
//! rightly.

use alloy::primitives::{B256, U256, keccak256};
use oml_contracts::leaf::{BUNDLE, BUNDLE_LEAVES};
use oml_contracts::rpc::abi::{OpenedBundle, OpenedLeaf};

use super::faults::{Faults, Openings_BadProof, Openings_MalformedLeaf, Openings_WrongLength};
use super::state::{UniverseId, UniverseState};

/// Tag of a word.
pub(crate) type Tag = [u8; 4];

pub(super) fn keccak(parts: &[&[u8]]) -> B256 {
    keccak256(parts.concat())
}

/// Hash of leaf `index`.
#[must_use]
pub(crate) fn leaf_hash(universe: UniverseId, index: u32, leaf: &OpenedLeaf) -> B256 {
    let UniverseId { model, epoch } = universe;
    let domain = keccak256("OML.leaf.v1");
    let (epoch, index) = (epoch.to_be_bytes(), index.to_be_bytes());
    let [first, second] = &leaf.tags;
    let own = [leaf.salt.as_slice(), leaf.keyHash.as_slice(), first.as_slice(), second.as_slice()];
    keccak(&[domain.as_slice(), model.as_slice(), &epoch, &index, &own.concat()])
}

/// Place of the answer among the candidates.
#[must_use]
pub(crate) fn candidate(seed: B256, root: B256, index: u32, salt: B256) -> usize {
    let hash = keccak(&[&seed[..], &root[..], &salt[..], &index.to_be_bytes()]);
    usize::from(hash[31] % 16)
}

/// Tags of a leaf in their order.
#[must_use]
pub(crate) fn tags(leaf: &OpenedLeaf) -> Vec<Tag> {
    let packed = leaf.tags.concat();
    packed.chunks_exact(4).map(|tag| [tag[0], tag[1], tag[2], tag[3]]).collect()
}

fn well_formed(tags: &[Tag]) -> bool {
    tags.first() > Some(&[0; 4]) && tags.windows(2).all(|pair| pair[0] < pair[1])
}

/// Levels of the tree above the bundles.
fn depth(count: u32) -> usize {
    let width = count.max(BUNDLE_LEAVES).next_power_of_two();
    (width / BUNDLE_LEAVES).trailing_zeros() as usize
}

/// Whether the bundle lies under the root, at its place.
fn proven(universe: &UniverseState, bundle: u32, opened: &OpenedBundle) -> bool {
    let count = universe.personal + universe.shared;
    let leaves = (bundle * BUNDLE_LEAVES..).zip(&opened.leaves);
    let mut level: Vec<B256> = leaves
        .map(|(index, leaf)| {
            leaf_hash(UniverseId { model: universe.model, epoch: universe.epoch }, index, leaf)
        })
        .collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| keccak(&[&pair[0][..], &pair[1][..]])).collect();
    }
    let mut node = level.first().copied().unwrap_or_default();
    for (height, sibling) in opened.siblings.iter().enumerate() {
        let right = bundle.checked_shr(u32::try_from(height).unwrap_or(32)).unwrap_or(0) % 2 == 1;
        let (a, b) = if right { (*sibling, node) } else { (node, *sibling) };
        node = keccak(&[&a[..], &b[..]]);
    }
    let inside = bundle >> opened.siblings.len().min(31) == 0;
    inside && opened.siblings.len() == depth(count) && node == universe.root
}

/// Each bundle is opened whole, with well-formed leaves that lie under the root.
pub(super) fn check_leaves(
    universe: &UniverseState,
    bundles: &[u32],
    given: &[OpenedBundle],
    faults: &mut Faults,
) {
    for (bundle, opened) in bundles.iter().zip(given) {
        let count = opened.leaves.len();
        let length = Openings_WrongLength { bundle: *bundle, leaves: U256::from(count) };
        faults.unless(count == BUNDLE, length);
        for (index, leaf) in (bundle.wrapping_mul(BUNDLE_LEAVES)..).zip(&opened.leaves) {
            faults.unless(well_formed(&tags(leaf)), Openings_MalformedLeaf { leaf: index });
        }
        let bad = Openings_BadProof { bundle: *bundle };
        faults.unless(count != BUNDLE || proven(universe, *bundle, opened), bad);
    }
}
