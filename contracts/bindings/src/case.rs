//! What names a case and what it has found: preimages of `caseId` and of the facts that the
//! contract keeps.

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::evidence::{self, Log2};
use crate::ids::{
    CaseId, Commitment, DeploymentHash, Facts, KeyHash, LicenseId, QuestionsHash, TagsHash,
};
use crate::keccak::keccak256;

/// What is fixed when a case is opened, as `CaseOpened` announces it. Together with the license it
/// is the preimage of the case's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseOpening {
    /// Hash of the accused deployment's URI.
    pub deployment: DeploymentHash,
    /// Whose bond it is.
    pub reporter: EthAddress,
    /// Unix time in seconds; provers that joined later are not drawn.
    pub opened_at: u64,
    /// The universe's cases so far, this one included.
    pub cases: u32,
    /// Licenses that a false accuser could have chosen from.
    pub licenses: u32,
    /// Whether the deployment was not registered, so that the verdict is a flag unless the terms
    /// say more.
    pub leak: bool,
}

impl CaseOpening {
    /// Id of the case against this license.
    #[must_use]
    pub fn case_id(
        &self,
        chain_id: u64,
        challenge_manager: EthAddress,
        license: LicenseId,
    ) -> CaseId {
        let words = AbiWords::default().uint(chain_id).address(challenge_manager).bytes32(license);
        let words = words.bytes32(self.deployment).address(self.reporter).uint(self.opened_at);
        let words = words.uint(self.cases).uint(self.licenses).uint(u8::from(self.leak));
        CaseId::new(words.hash())
    }

    /// Evidence that the contract asks for, see [`evidence::threshold`].
    #[must_use]
    pub fn threshold(&self, alpha_inverse: u64) -> Log2 {
        evidence::threshold(alpha_inverse, self.cases, self.licenses)
    }
}

/// What a case's seed drew, as `CaseDrawn` announces it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Drawn {
    /// Burned bundles; those of the personal part come first.
    pub bundles: Vec<u32>,
    /// Members, in the contract's order.
    pub committee: Vec<EthAddress>,
}

impl Drawn {
    /// The facts of a case between its draw and its questions.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let (bundles, members) = (self.bundles.len() as u128, self.committee.len() as u128);
        // Two dynamic fields: their offsets from the start, then each as length and items.
        let words = AbiWords::default().uint(64_u8).uint(96 + 32 * bundles).uint(bundles);
        let words = self.bundles.iter().fold(words, |words, bundle| words.uint(*bundle));
        let words = words.uint(members);
        let words = self.committee.iter().fold(words, |words, member| words.address(*member));
        Facts::new(words.hash())
    }

    /// The facts between the questions and the opening.
    #[must_use]
    pub fn facts_with_questions(&self, questions: QuestionsHash) -> Facts {
        self.facts_with(questions.into())
    }

    /// The facts from the opening on.
    #[must_use]
    pub fn facts_with_outcome(&self, outcome: &Outcome) -> Facts {
        self.facts_with(outcome.hash())
    }

    fn facts_with(&self, added: [u8; 32]) -> Facts {
        Facts::new(AbiWords::default().bytes32(self.facts()).bytes32(added).hash())
    }
}

/// What the opening has found, as `LeavesOpened` announces it; bit j (`bytes[j / 8] >> j % 8`)
/// stands for fingerprint j in the order of the drawn bundles.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// Hits of the personal part, and those of the shared part inside of the license's assignment.
    pub hits: [u8; 32],
    /// Hits of the shared part outside of it.
    pub outside: [u8; 32],
    /// [`keys_hash`] of the opened fingerprints.
    pub keys_hash: QuestionsHash,
}

impl Outcome {
    fn hash(&self) -> [u8; 32] {
        let big_endian = |mut bits: [u8; 32]| {
            bits.reverse();
            bits
        };
        let words = AbiWords::default().bytes32(big_endian(self.hits));
        words.bytes32(big_endian(self.outside)).bytes32(self.keys_hash).hash()
    }
}

/// Hash of key hashes one after the other: of all questions, or of the opened fingerprints.
#[must_use]
pub fn keys_hash(keys: &[KeyHash]) -> QuestionsHash {
    let packed: Vec<u8> = keys.iter().flat_map(|key| *key.as_bytes()).collect();
    QuestionsHash::new(keccak256(&packed))
}

/// What the contract keeps of a committee member (`wordOf`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberWord {
    /// It has not acted.
    None,
    /// Its commitment, with the lowest bit cleared.
    Committed(Commitment),
    /// Hash of its revealed tags, with the lowest bit set.
    Revealed(TagsHash),
}

impl MemberWord {
    /// Reads the word.
    #[must_use]
    pub fn of(word: [u8; 32]) -> Self {
        if word == [0; 32] {
            Self::None
        } else if word[31] & 1 == 0 {
            Self::Committed(Commitment::new(word))
        } else {
            Self::Revealed(TagsHash::new(word))
        }
    }
}

/// A commitment as the contract keeps it: its lowest bit is cleared, the other 255 still bind.
#[must_use]
pub fn kept_commitment(commitment: Commitment) -> Commitment {
    let mut word: [u8; 32] = commitment.into();
    word[31] &= 0xfe;
    Commitment::new(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_a_reveal_from_a_commitment() {
        let commitment = Commitment::new([0xff; 32]);
        let kept = kept_commitment(commitment);
        assert_eq!(kept.as_bytes()[31], 0xfe);
        assert_eq!(kept.as_bytes()[..31], [0xff; 31]);
        assert_eq!(kept_commitment(kept), kept);
        assert_eq!(MemberWord::of([0; 32]), MemberWord::None);
        assert_eq!(MemberWord::of(kept.into()), MemberWord::Committed(kept));
        let revealed = MemberWord::of(commitment.into());
        assert_eq!(revealed, MemberWord::Revealed(TagsHash::new([0xff; 32])));
    }

    #[test]
    fn facts_change_with_every_step_and_part() {
        let drawn = Drawn { bundles: vec![3, 7], committee: vec![EthAddress::new([1; 20])] };
        let other = Drawn { bundles: vec![7, 3], ..drawn.clone() };
        let questions = QuestionsHash::new([2; 32]);
        let outcome = Outcome { hits: [1; 32], outside: [0; 32], keys_hash: questions };
        let swapped = Outcome { hits: [0; 32], outside: [1; 32], keys_hash: questions };
        let facts = [
            drawn.facts(),
            other.facts(),
            drawn.facts_with_questions(questions),
            other.facts_with_questions(questions),
            drawn.facts_with_outcome(&outcome),
            drawn.facts_with_outcome(&swapped),
        ];
        let distinct: std::collections::BTreeSet<_> = facts.into_iter().collect();
        assert_eq!(distinct.len(), facts.len());
    }
}
