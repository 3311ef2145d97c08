//! What the people of one case know and intend.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy::primitives::{Address, B256, Bytes};
use oml_contracts::rpc::abi::{CaseRef, ChallengeManager, LicenseRef};

use super::leaves::Leaves;
use crate::model::{CaseReport, ReceiptProof, UniverseId};

/// How a member behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conduct {
    /// Answers as it was answered.
    Honest,
    /// As [`Self::Honest`], but for a few answers.
    Noisy,
    /// Takes no part: it never commits.
    Absent,
    /// Commits and never reveals.
    Mute,
    /// Answers without having asked.
    Blind,
}

/// How a call that belongs to a case is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// As the step asks for.
    Right,
    /// With something wrong about it.
    Spoiled,
}

impl Care {
    pub(super) fn spoils(self) -> bool {
        self == Self::Spoiled
    }
}

/// A commitment to a report that may follow.
#[derive(Debug, Clone)]
pub(super) struct Prepared<R> {
    pub(super) by: Address,
    pub(super) report: R,
    pub(super) made_at: u64,
}

/// A proof with its signatures.
#[derive(Debug, Clone)]
pub(super) struct Brief {
    pub(super) proof: ReceiptProof,
    pub(super) signatures: [Bytes; 2],
}

/// What a report has fixed before the host is asked.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) license: LicenseRef,
    pub(super) series: ChallengeManager::Series,
    pub(super) salt: B256,
    /// Chance in 16 that the host gives the copy's answer.
    pub(super) rate: u32,
}

/// What the people know of reports and cases.
#[derive(Debug, Clone)]
pub(super) struct Registrar {
    /// Every owner's fingerprints.
    pub(super) leaves: BTreeMap<UniverseId, Rc<Leaves>>,
    pub(super) dockets: Vec<Docket>,
    pub(super) prepared: Vec<Prepared<CaseReport>>,
    pub(super) briefs: Vec<Prepared<Brief>>,
    pub(super) series: Vec<Prepared<Chosen>>,
}

impl Registrar {
    pub(super) const fn new(leaves: BTreeMap<UniverseId, Rc<Leaves>>) -> Self {
        Self {
            leaves,
            dockets: Vec::new(),
            prepared: Vec::new(),
            briefs: Vec::new(),
            series: Vec::new(),
        }
    }
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
