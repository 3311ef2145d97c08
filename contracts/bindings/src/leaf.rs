//! One fingerprint as the chain sees it.

use crate::ids::{KeyHash, LeafHash, ModelId, Salt, Tag};
use crate::keccak::keccak_parts;
use crate::preimage;

/// Candidate responses of a fingerprint.
pub const CANDIDATES: usize = 16;

/// Leaves of a bundle, the unit that is drawn and opened, as a number among indices and counts.
pub const BUNDLE_LEAVES: u32 = 16;

/// [`BUNDLE_LEAVES`] as the length of an array.
pub const BUNDLE: usize = BUNDLE_LEAVES as usize;

/// The tags of a fingerprint's candidates: strictly increasing and above zero, hence distinct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "[Tag; CANDIDATES]", into = "[Tag; CANDIDATES]")]
pub struct LeafTags([Tag; CANDIDATES]);

/// Tags that no leaf may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafTagsError {
    /// A candidate has the tag of "no answer".
    #[error(
        "candidate {position} has tag 0x00000000, which means no answer; take another candidate"
    )]
    Zero {
        /// Position of the candidate.
        position: usize,
    },
    /// Two candidates can't be told apart, or the order is wrong.
    #[error(
        "tags are not strictly increasing: {before} before {after} at position {position}; candidates must have distinct tags, in order"
    )]
    NotIncreasing {
        /// Position of the second tag.
        position: usize,
        /// Tag before it.
        before: Tag,
        /// Tag at the position.
        after: Tag,
    },
}

impl LeafTags {
    /// Takes tags that are already in order.
    ///
    /// # Errors
    /// [`LeafTagsError`] if one is zero or they do not strictly increase.
    pub fn new(tags: [Tag; CANDIDATES]) -> Result<Self, LeafTagsError> {
        if let Some(position) = tags.iter().position(Tag::is_zero) {
            return Err(LeafTagsError::Zero { position });
        }
        for (position, pair) in (1..).zip(tags.windows(2)) {
            if pair[0] >= pair[1] {
                return Err(LeafTagsError::NotIncreasing {
                    position,
                    before: pair[0],
                    after: pair[1],
                });
            }
        }
        Ok(Self(tags))
    }

    /// Sorts, then checks as [`Self::new`].
    ///
    /// # Errors
    /// [`LeafTagsError`] if one is zero or two are equal.
    pub fn sorted(mut tags: [Tag; CANDIDATES]) -> Result<Self, LeafTagsError> {
        tags.sort_unstable();
        Self::new(tags)
    }

    /// The tags in order.
    #[must_use]
    pub const fn as_array(&self) -> &[Tag; CANDIDATES] {
        &self.0
    }

    /// Tag of candidate `index`, or `None` from 16 on.
    #[must_use]
    pub fn get(&self, index: u8) -> Option<Tag> {
        self.0.get(usize::from(index)).copied()
    }

    /// The tags packed in order into 64 bytes.
    #[must_use]
    pub fn packed(&self) -> [u8; 64] {
        let mut packed = [0; 64];
        for (slot, tag) in packed.chunks_exact_mut(4).zip(&self.0) {
            slot.copy_from_slice(tag.as_bytes());
        }
        packed
    }

    /// The packed tags as the two words that the contract takes.
    #[must_use]
    pub fn words(&self) -> [[u8; 32]; 2] {
        let packed = self.packed();
        let mut words = [[0; 32]; 2];
        words[0].copy_from_slice(&packed[..32]);
        words[1].copy_from_slice(&packed[32..]);
        words
    }
}

impl TryFrom<[Tag; CANDIDATES]> for LeafTags {
    type Error = LeafTagsError;

    fn try_from(tags: [Tag; CANDIDATES]) -> Result<Self, Self::Error> {
        Self::new(tags)
    }
}

impl From<LeafTags> for [Tag; CANDIDATES] {
    fn from(tags: LeafTags) -> Self {
        tags.0
    }
}

/// Hash of leaf `index` of a universe (`leaf_i` in `docs/formats.md`).
#[must_use]
pub fn leaf_hash(
    model: ModelId,
    epoch: u32,
    index: u32,
    salt: Salt,
    key: KeyHash,
    tags: &LeafTags,
) -> LeafHash {
    LeafHash::new(keccak_parts(&[
        &*preimage::LEAF,
        model.as_bytes(),
        &epoch.to_be_bytes(),
        &index.to_be_bytes(),
        salt.as_bytes(),
        key.as_bytes(),
        &tags.packed(),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> [Tag; CANDIDATES] {
        std::array::from_fn(|j| Tag::new((7 * j + 1).to_be_bytes()[4..].try_into().unwrap()))
    }

    #[test]
    fn only_strictly_increasing_tags() {
        assert!(LeafTags::new(tags()).is_ok());
        let mut equal = tags();
        equal[5] = equal[4];
        assert!(matches!(
            LeafTags::new(equal),
            Err(LeafTagsError::NotIncreasing { position: 5, .. })
        ));
        assert!(LeafTags::sorted(equal).is_err());
        let mut swapped = tags();
        swapped.swap(0, 15);
        assert!(LeafTags::new(swapped).is_err());
        assert_eq!(LeafTags::sorted(swapped), LeafTags::new(tags()));
        let mut zero = tags();
        zero[0] = Tag::NONE;
        assert_eq!(LeafTags::new(zero), Err(LeafTagsError::Zero { position: 0 }));
    }

    #[test]
    fn packing_keeps_the_order() {
        let tags = LeafTags::new(tags()).unwrap();
        let packed = tags.packed();
        assert_eq!(packed[..4], *tags.get(0).unwrap().as_bytes());
        assert_eq!(packed[60..], *tags.get(15).unwrap().as_bytes());
        assert_eq!(tags.get(16), None);
        assert_eq!(tags.words().concat(), packed);
    }
}
