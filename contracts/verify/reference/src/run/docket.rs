//! What the people of one case know and intend.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256};
use oml_contracts::rpc::abi::CaseRef;

/// How a member behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conduct {
    /// Answers as it was answered.
    Honest,
    /// As [`Self::Honest`], but for a few answers.
    Noisy,
    /// Never commits.
    Absent,
    /// Commits and never reveals.
    Mute,
    /// Says whatever.
    Blind,
}

/// A commitment to a report that may follow.
#[derive(Debug, Clone)]
pub(super) struct Prepared<R> {
    pub(super) by: Address,
    pub(super) report: R,
    pub(super) made_at: u64,
}

/// A case as the people see it.
#[derive(Debug, Clone)]
pub(super) struct Docket {
    pub(super) id: B256,
    pub(super) reference: CaseRef,
    /// Chance in 16 that the accused deployment gives the drawn answer.
    pub(super) rate: u32,
    /// Whether the owner does its part, by step: questions, opening.
    pub(super) owner_acts: [bool; 2],
    /// Whether the payers among the members are asked to show their vouchers.
    pub(super) rebuts: bool,
    pub(super) conduct: BTreeMap<Address, Conduct>,
    /// Key hashes by position.
    pub(super) questions: Vec<B256>,
    /// Positions of the drawn fingerprints, in the order of the drawn bundles.
    pub(super) positions: Vec<u16>,
    /// Answers by position, as the deployment gave them.
    pub(super) answers: Vec<[u8; 4]>,
    /// What each member saw.
    pub(super) sheets: BTreeMap<Address, Vec<u8>>,
}

impl Docket {
    /// Positions of the questions that are no fingerprints.
    pub(super) fn decoys(&self) -> Vec<B256> {
        let opened: BTreeSet<u16> = self.positions.iter().copied().collect();
        let decoys = (0..).zip(&self.questions).filter(|(at, _)| !opened.contains(at));
        decoys.map(|(_, key)| *key).collect()
    }

    /// Key hashes of the fingerprints.
    pub(super) fn keys(&self) -> Vec<B256> {
        let key = |at: &u16| self.questions.get(usize::from(*at)).copied().unwrap_or_default();
        self.positions.iter().map(key).collect()
    }

    pub(super) fn conduct_of(&self, member: Address) -> Conduct {
        self.conduct.get(&member).copied().unwrap_or(Conduct::Honest)
    }

    /// The salt of a member's commitment.
    pub(super) fn salt(&self, member: Address) -> B256 {
        alloy::primitives::keccak256([self.id.as_slice(), member.as_slice()].concat())
    }
}
