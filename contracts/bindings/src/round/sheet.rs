//! What a seat sends: the hash of its keys, and the tags of the answers.

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::ids::{KeyHash, KeysHash, Tag};
use crate::keccak::keccak_parts;

/// Keys of a seat.
pub const SEAT_KEYS: usize = 8;

/// The tags of a seat's answers, in the order of its leaves; [`Tag::NONE`] for no answer, a
/// refusal, a demand for money.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct SheetTags(pub [Tag; SEAT_KEYS]);

impl SheetTags {
    /// The tags packed into the word that the contract takes.
    #[must_use]
    pub fn word(&self) -> [u8; 32] {
        let mut word = [0; 32];
        for (slot, tag) in word.chunks_exact_mut(4).zip(&self.0) {
            slot.copy_from_slice(tag.as_bytes());
        }
        word
    }

    /// The tags in a word.
    #[must_use]
    pub fn from_word(word: [u8; 32]) -> Self {
        Self(std::array::from_fn(|i| {
            Tag::new([word[4 * i], word[4 * i + 1], word[4 * i + 2], word[4 * i + 3]])
        }))
    }
}

/// Hash of the key hashes of a seat's leaves, one after the other.
#[must_use]
pub fn keys_hash(keys: &[KeyHash; SEAT_KEYS]) -> KeysHash {
    KeysHash::new(keccak_parts(&keys.each_ref().map(|key| key.as_bytes().as_slice())))
}

/// What the contract keeps of a seat's sheet.
#[must_use]
pub fn sheet_hash(prover: EthAddress, keys: KeysHash, tags: &SheetTags) -> [u8; 32] {
    AbiWords::default().address(prover).bytes32(keys).bytes32(tags.word()).hash()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_their_word() {
        let tags = SheetTags([0, 1, 2, 3, 4, 5, 6, 7].map(|i| Tag::new([i, 1, 2, 3])));
        assert_eq!(SheetTags::from_word(tags.word()), tags);
        assert_eq!(SheetTags::default().word(), [0; 32]);
    }

    #[test]
    fn sheets_depend_on_everything() {
        let keys = keys_hash(&[0, 1, 2, 3, 4, 5, 6, 7].map(|i| KeyHash::new([i; 32])));
        let (me, tags) = (EthAddress::new([1; 20]), SheetTags([Tag::new([1; 4]); SEAT_KEYS]));
        let sheet = sheet_hash(me, keys, &tags);
        assert_ne!(sheet, sheet_hash(EthAddress::new([2; 20]), keys, &tags));
        assert_ne!(sheet, sheet_hash(me, KeysHash::ZERO, &tags));
        assert_ne!(sheet, sheet_hash(me, keys, &SheetTags::default()));
    }
}
