//! What a seat sends: the hash of its keys, and the tags of the answers.

use super::draw::SeatIndex;
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

/// What the contract keeps of all sheets of a round: their chain, in the order in which they came.
/// The default is that of a round without sheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SheetChain([u8; 28]);

impl SheetChain {
    /// The chain that a contract answers with.
    #[must_use]
    pub const fn new(bytes: [u8; 28]) -> Self {
        Self(bytes)
    }

    /// The 28 bytes, as the contract keeps them.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 28] {
        self.0
    }

    /// The chain once one more sheet has come: the first 28 bytes of
    /// `keccak256(abi.encode(chain, seat, prover, keysHash, tags))`.
    #[must_use]
    pub fn linked(
        self,
        seat: SeatIndex,
        prover: EthAddress,
        keys: KeysHash,
        tags: &SheetTags,
    ) -> Self {
        let mut before = [0; 32];
        before[..28].copy_from_slice(&self.0);
        let hash = AbiWords::default()
            .bytes32(before)
            .uint(seat.0)
            .address(prover)
            .bytes32(keys)
            .bytes32(tags.word())
            .hash();
        let mut chain = [0; 28];
        chain.copy_from_slice(&hash[..28]);
        Self(chain)
    }
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
    fn a_chain_depends_on_every_sheet() {
        let keys = keys_hash(&[0, 1, 2, 3, 4, 5, 6, 7].map(|i| KeyHash::new([i; 32])));
        let (me, tags) = (EthAddress::new([1; 20]), SheetTags([Tag::new([1; 4]); SEAT_KEYS]));
        let (none, seat) = (SheetChain::default(), SeatIndex(2));
        let chain = none.linked(seat, me, keys, &tags);
        assert_ne!(chain, none.linked(SeatIndex(3), me, keys, &tags));
        assert_ne!(chain, none.linked(seat, EthAddress::new([2; 20]), keys, &tags));
        assert_ne!(chain, none.linked(seat, me, KeysHash::ZERO, &tags));
        assert_ne!(chain, none.linked(seat, me, keys, &SheetTags::default()));
        assert_ne!(chain, chain.linked(seat, me, keys, &tags));
    }
}
