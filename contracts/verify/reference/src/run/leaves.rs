//! The owner's fingerprints: leaves, some of them malformed, and the tree over them.

use alloy::primitives::{B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::{OpenedBundle, OpenedLeaf};

use crate::model::{UniverseId, leaf_hash};

/// All leaves of a universe.
#[derive(Debug, Clone)]
pub(super) struct Leaves {
    leaves: Vec<OpenedLeaf>,
    /// Hashes of the tree from the leaves to the root.
    levels: Vec<Vec<B256>>,
}

/// Tags of 16 candidates, in order; of a malformed leaf they are equal, out of order, or begin
/// with "no answer".
fn tags(universe: UniverseId, index: u32, random: B256, malformed: bool) -> [B256; 2] {
    let UniverseId { model, epoch } = universe;
    let tag = |j: u32| -> [u8; 4] {
        let word = keccak256(format!("w{index}x{j}m{:02x}e{epoch}", model[0]));
        [word[0], word[1], word[2], word[3]]
    };
    let mut tags: Vec<[u8; 4]> = (0..16).map(tag).collect();
    tags.sort_unstable();
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
                tags: tags(universe, index, shape, bad),
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
        Self { leaves, levels }
    }

    /// What the universe commits to.
    pub(super) fn root(&self) -> B256 {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// The leaf at a place; the first one past the end.
    pub(super) fn leaf(&self, index: u32) -> OpenedLeaf {
        self.leaves.get(index as usize).or_else(|| self.leaves.first()).cloned().unwrap_or_default()
    }

    /// A bundle with its proof.
    pub(super) fn open(&self, bundle: u32) -> OpenedBundle {
        let first = bundle * BUNDLE_LEAVES;
        let above = self.levels.iter().skip(BUNDLE_LEAVES.trailing_zeros() as usize);
        let siblings = above
            .enumerate()
            .filter_map(|(height, level)| level.get((bundle as usize >> height) ^ 1).copied())
            .collect();
        let leaves = (first..first + BUNDLE_LEAVES).map(|index| self.leaf(index)).collect();
        OpenedBundle { leaves, siblings }
    }
}
