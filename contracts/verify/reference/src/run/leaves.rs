//! The owner's fingerprints: leaves, some of them malformed, and the tree over them.

use alloy::primitives::{B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::ChallengeManager::{OpenedBundle, OpenedLeaf};

use crate::model::{UniverseId, leaf_hash};

/// All leaves of a universe.
#[derive(Debug, Clone)]
pub(super) struct Leaves {
    universe: UniverseId,
    leaves: Vec<OpenedLeaf>,
    /// Hashes of the tree from the leaves to the root.
    levels: Vec<Vec<B256>>,
}

/// Candidates of a fingerprint with their tags, in the order of these.
fn words(universe: UniverseId, index: u32) -> Vec<([u8; 4], String)> {
    let UniverseId { model, epoch } = universe;
    let word = |j: u32| format!("w{index}x{j}m{:02x}e{epoch}", model[0]);
    let tag = |word: &str| keccak256(word).0.first_chunk().copied().unwrap_or_default();
    let mut words: Vec<([u8; 4], String)> = (0..16).map(word).map(|w| (tag(&w), w)).collect();
    words.sort();
    words
}

/// Tags of 16 candidates; of a malformed leaf they are equal, out of order, or begin with "no
/// answer".
fn tags(words: &[([u8; 4], String)], random: B256, malformed: bool) -> [B256; 2] {
    let mut tags: Vec<[u8; 4]> = words.iter().map(|(tag, _)| *tag).collect();
    if malformed {
        let place = usize::from(random[16] % 15);
        match random[17] % 3 {
            0 => tags.swap(place, place + 1),
            1 => tags[place] = tags[place + 1],
            _ => tags[0] = [0; 4],
        }
    }
    let packed = tags.concat();
    [B256::from_slice(&packed[..32]), B256::from_slice(&packed[32..])]
}

impl Leaves {
    /// The first `count` leaves of a universe; about one in `malformed` is not well-formed, none
    /// for 0.
    pub(super) fn new(universe: UniverseId, count: u32, malformed: u64) -> Self {
        let UniverseId { model, epoch } = universe;
        let leaf = |index: u32| {
            let part = |what: &str| {
                keccak256((model, U256::from(epoch), U256::from(index), what).abi_encode())
            };
            let shape = part("tags");
            let bad = malformed != 0
                && U256::from_be_bytes(part("shape").0) % U256::from(malformed) == U256::ZERO;
            OpenedLeaf {
                salt: part("salt"),
                keyHash: part("key"),
                tags: tags(&words(universe, index), shape, bad),
                position: 0,
            }
        };
        let leaves: Vec<OpenedLeaf> = (0..count).map(leaf).collect();
        let mut hashes: Vec<B256> =
            (0..).zip(&leaves).map(|(index, leaf)| leaf_hash(universe, index, leaf)).collect();
        hashes.resize(leaves.len().next_power_of_two(), B256::ZERO);
        let mut levels = vec![hashes];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let pairs = below.chunks(2);
            let above = pairs.map(|pair| keccak256([pair[0].0, pair[1].0].concat())).collect();
            levels.push(above);
        }
        Self { universe, leaves, levels }
    }

    /// What the universe commits to.
    pub(super) fn root(&self) -> B256 {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// Leaf `index`, without a position.
    pub(super) fn leaf(&self, index: u32) -> OpenedLeaf {
        self.leaves.get(index as usize).or_else(|| self.leaves.first()).cloned().unwrap_or_default()
    }

    /// A candidate's word.
    pub(super) fn word(&self, index: u32, place: usize) -> String {
        words(self.universe, index).swap_remove(place).1
    }

    /// A bundle with its proof.
    pub(super) fn open(&self, bundle: u32, positions: &[u16]) -> OpenedBundle {
        let mut opened = OpenedBundle::default();
        for (l, (leaf, position)) in (0..BUNDLE_LEAVES).zip(opened.leaves.iter_mut().zip(positions))
        {
            *leaf = OpenedLeaf { position: *position, ..self.leaf(bundle * BUNDLE_LEAVES + l) };
        }
        let above = self.levels.iter().skip(BUNDLE_LEAVES.trailing_zeros() as usize);
        opened.siblings = above
            .enumerate()
            .filter_map(|(height, level)| level.get((bundle as usize >> height) ^ 1).copied())
            .collect();
        opened
    }
}
