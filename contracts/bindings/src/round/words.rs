//! The words with which rounds of a license can be sealed, and what a seal commits to.

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::ids::{
    AccessHash, CasesRoot, DeploymentCommitment, DeploymentHash, LicenseId, RoundId, RoundWord,
    Salt,
};
use crate::keccak::keccak_parts;
use crate::ledger::RoundIndex;
use crate::preimage;

/// Siblings that prove a word under the root of all.
pub const WORD_SIBLINGS: usize = 7;

/// Place of a word among the 128 of a license: the lower half is for registered deployments, the
/// upper one for any other, and each half has a ledger of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WordIndex(u8);

impl WordIndex {
    /// Words of a license.
    pub const COUNT: u8 = 128;

    /// The place, unless a license has none so large.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index)) } else { None }
    }

    /// The word of a round against a registered deployment.
    #[must_use]
    pub const fn registered(round: RoundIndex) -> Self {
        Self(round.due() - 1)
    }

    /// The word of a round against a deployment that nobody registered under the license.
    #[must_use]
    pub const fn leak(round: RoundIndex) -> Self {
        Self(RoundIndex::COUNT + round.due() - 1)
    }

    /// The kind of deployment that it is for.
    #[must_use]
    pub const fn kind(self) -> RoundKind {
        RoundKind::of_index(self.0)
    }

    /// The round in the ledger of its kind.
    #[must_use]
    pub const fn round(self) -> RoundIndex {
        match RoundIndex::new(self.0 % RoundIndex::COUNT) {
            Some(index) => index,
            None => unreachable!(),
        }
    }

    /// The place as a number below 128.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// All places, those for registered deployments first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }
}

/// What kind of deployment a round is about. Each kind has words and a ledger of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundKind {
    /// One that its host has registered under the license.
    Registered,
    /// One that nobody has registered.
    Leak,
}

impl RoundKind {
    /// The kind that a word of this index is for.
    #[must_use]
    pub const fn of_index(index: u8) -> Self {
        if index < RoundIndex::COUNT { Self::Registered } else { Self::Leak }
    }

    /// Whether it is about a deployment that nobody has registered.
    #[must_use]
    pub const fn is_leak(self) -> bool {
        matches!(self, Self::Leak)
    }

    /// Its 64 words, in the order of their use: each costs a premium when one behind it is opened.
    pub fn words(self) -> impl Iterator<Item = WordIndex> {
        WordIndex::all().filter(move |word| word.kind() == self)
    }
}

/// The word with which `account` can seal a round of a license.
#[must_use]
pub fn round_word(
    license: LicenseId,
    index: WordIndex,
    account: EthAddress,
    salt: &Salt,
) -> RoundWord {
    let words = AbiWords::default().bytes32(*preimage::ROUND).bytes32(license);
    RoundWord::new(words.uint(index.get()).address(account).bytes32(salt).hash())
}

/// Id of the round that `account` seals with a word.
#[must_use]
pub fn round_id(word: RoundWord, account: EthAddress) -> RoundId {
    RoundId::new(AbiWords::default().bytes32(word).address(account).hash())
}

/// What a seal says of the deployment that is tested, and of how to get in.
#[must_use]
pub fn deployment_commitment(
    deployment: DeploymentHash,
    access: AccessHash,
    salt: &Salt,
) -> DeploymentCommitment {
    let words = AbiWords::default().bytes32(deployment).bytes32(access);
    DeploymentCommitment::new(words.bytes32(salt).hash())
}

/// Not the words of a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a license has 128 words, not {0}; derive one for each index")]
pub struct CaseWordsError(pub usize);

/// All words of a license, as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseWords {
    /// The words, then each level above them; the last has the root alone.
    levels: Vec<Vec<[u8; 32]>>,
}

impl CaseWords {
    /// The tree over the words, in the order of their indices.
    ///
    /// # Errors
    /// [`CaseWordsError`] unless there are 128.
    pub fn new(words: &[RoundWord]) -> Result<Self, CaseWordsError> {
        if words.len() != usize::from(WordIndex::COUNT) {
            return Err(CaseWordsError(words.len()));
        }
        let mut levels = vec![words.iter().map(|word| (*word).into()).collect::<Vec<[u8; 32]>>()];
        for level in 0..WORD_SIBLINGS {
            let above =
                levels[level].chunks_exact(2).map(|pair| keccak_parts(&[&pair[0], &pair[1]]));
            levels.push(above.collect());
        }
        Ok(Self { levels })
    }

    /// What the owner commits to.
    #[must_use]
    pub fn root(&self) -> CasesRoot {
        CasesRoot::new(self.levels[WORD_SIBLINGS][0])
    }

    /// The word at a place.
    #[must_use]
    pub fn word(&self, index: WordIndex) -> RoundWord {
        RoundWord::new(self.levels[0][usize::from(index.get())])
    }

    /// Siblings of a word, bottom up.
    #[must_use]
    pub fn proof(&self, index: WordIndex) -> [[u8; 32]; WORD_SIBLINGS] {
        let place = usize::from(index.get());
        std::array::from_fn(|level| self.levels[level][place >> level ^ 1])
    }

    /// Whether a proof leads from a word to a root.
    #[must_use]
    pub fn verify(
        root: CasesRoot,
        word: RoundWord,
        index: WordIndex,
        proof: &[[u8; 32]; WORD_SIBLINGS],
    ) -> bool {
        let step = |below: [u8; 32], (level, sibling): (usize, &[u8; 32])| {
            if index.get() >> level & 1 == 0 {
                keccak_parts(&[&below, sibling])
            } else {
                keccak_parts(&[sibling, &below])
            }
        };
        proof.iter().enumerate().fold(word.into(), step) == *root.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<RoundWord> {
        let license = LicenseId::new([1; 32]);
        let account = |index: WordIndex| EthAddress::new([index.get(); 20]);
        let word = |index| round_word(license, index, account(index), &Salt::new([7; 32]));
        WordIndex::all().map(word).collect()
    }

    #[test]
    fn every_word_is_proven_at_its_own_place_only() {
        let tree = CaseWords::new(&words()).unwrap();
        for index in WordIndex::all() {
            let (word, proof) = (tree.word(index), tree.proof(index));
            assert!(CaseWords::verify(tree.root(), word, index, &proof));
            let other = WordIndex::new(index.get() ^ 1).unwrap();
            assert!(!CaseWords::verify(tree.root(), word, other, &proof));
            assert!(!CaseWords::verify(tree.root(), tree.word(other), index, &proof));
        }
        assert_eq!(CaseWords::new(&words()[..127]), Err(CaseWordsError(127)));
    }

    #[test]
    fn both_kinds_have_sixty_four_rounds() {
        let first = RoundIndex::new(0).unwrap();
        let last = RoundIndex::new(63).unwrap();
        assert_eq!(WordIndex::registered(last).get(), 63);
        assert_eq!(WordIndex::leak(first).get(), 64);
        assert_eq!(WordIndex::leak(last).get(), 127);
        assert_eq!(WordIndex::leak(last).round(), last);
        let places = |kind: RoundKind| kind.words().map(WordIndex::get).collect::<Vec<_>>();
        assert_eq!(places(RoundKind::Registered), (0..64).collect::<Vec<_>>());
        assert_eq!(places(RoundKind::Leak), (64..128).collect::<Vec<_>>());
        assert_eq!(WordIndex::new(128), None);
    }

    #[test]
    fn words_depend_on_everything() {
        let (license, index) = (LicenseId::new([1; 32]), WordIndex::new(3).unwrap());
        let (account, salt) = (EthAddress::new([2; 20]), Salt::new([3; 32]));
        let word = round_word(license, index, account, &salt);
        let others = [
            round_word(LicenseId::new([9; 32]), index, account, &salt),
            round_word(license, WordIndex::new(4).unwrap(), account, &salt),
            round_word(license, index, EthAddress::new([9; 20]), &salt),
            round_word(license, index, account, &Salt::new([9; 32])),
        ];
        assert!(others.iter().all(|other| *other != word));
        assert_ne!(round_id(word, account), round_id(word, EthAddress::new([9; 20])));
    }
}
