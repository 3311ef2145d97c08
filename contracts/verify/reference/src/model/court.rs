//! Reports and cases: their state, and what all their steps share.

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, LogData, U256, keccak256};
use alloy::sol_types::{SolEvent, SolValue};
use oml_contracts::rpc::abi::ChallengeManager::{self as Manager, Case as CaseView};
use oml_contracts::rpc::abi::{CaseRef, CaseStatus, Drawn};

use super::faults::Faults;
use super::refusal::{Caused, Events};
use super::state::{Case, Court, ReferenceModel, Word};
use super::units::time40;
use crate::agreed::{CHAIN_ID, Coin};

impl Word {
    /// As the contract keeps it: the lowest bit tells one from the other.
    #[must_use]
    pub(crate) fn kept(&self) -> B256 {
        match self {
            Self::Committed(commitment) => lowest_bit(*commitment, false),
            Self::Revealed(tags) => lowest_bit(keccak256(tags), true),
        }
    }
}

fn lowest_bit(mut word: B256, set: bool) -> B256 {
    word.0[31] = word.0[31] & 0xfe | u8::from(set);
    word
}

impl Case {
    /// Hash of what was drawn, asked and found.
    #[must_use]
    pub(crate) fn facts(&self) -> B256 {
        let Some(drawn) = &self.drawn else { return B256::ZERO };
        let hash = keccak256((drawn.bundles.clone(), drawn.committee.clone()).abi_encode_params());
        let added = match &self.outcome {
            Some(found) => keccak256((found.hits, found.outside, found.keysHash).abi_encode()),
            None if self.questions == 0 => return hash,
            None => self.asked,
        };
        keccak256([hash, added].concat())
    }

    /// What the contract shows of it.
    #[must_use]
    pub(crate) fn view(&self) -> CaseView {
        CaseView {
            status: self.status,
            deadline: time40(self.deadline),
            seedRound: U48::from(self.round),
            questionCount: self.questions,
            commits: self.commits,
            reveals: self.reveals,
            dissenters: self.dissenters,
            facts: self.facts(),
        }
    }

    /// What the contract shows where there is no case.
    #[must_use]
    pub(crate) fn view_of_none() -> CaseView {
        CaseView {
            status: CaseStatus::None,
            deadline: time40(0),
            seedRound: U48::ZERO,
            questionCount: 0,
            commits: 0,
            reveals: 0,
            dissenters: 0,
            facts: B256::ZERO,
        }
    }

    /// Whether the member has revealed.
    #[must_use]
    pub(crate) fn revealed(&self, member: Address) -> Option<&[u8]> {
        match self.words.get(&member) {
            Some(Word::Revealed(tags)) => Some(tags),
            _ => None,
        }
    }

    /// Whether this is the draw.
    #[must_use]
    pub(crate) fn is_drawn(&self, drawn: &Drawn) -> bool {
        self.drawn.as_ref() == Some(drawn)
    }

    /// Whether the verdict costs the host its collateral.
    #[must_use]
    pub(crate) const fn slashes(&self) -> bool {
        !self.reference.leak || self.reference.license.terms.leakLiability
    }
}

/// Two thirds of the members, rounded up.
#[must_use]
pub(crate) const fn quorum(members: usize) -> usize {
    (2 * members).div_ceil(3)
}

impl Court {
    /// Deadlines take effect: goes on where one has passed and enough members have acted.
    pub(super) fn advance(&self, case: &mut Case, now: u64) -> Vec<LogData> {
        let enough = quorum(self.config.committeeSize.into());
        let mut events = Vec::new();
        let past = |case: &Case| now > case.deadline;
        if case.status == CaseStatus::Committing && past(case) && case.commits as usize >= enough {
            events.push(self.start_reveal(case, case.deadline));
        }
        if case.status == CaseStatus::Revealing && past(case) && case.reveals as usize >= enough {
            events.push(self.start_opening(case, case.deadline));
        }
        events
    }

    pub(super) fn start_reveal(&self, case: &mut Case, from: u64) -> LogData {
        case.status = CaseStatus::Revealing;
        case.deadline = from + self.config.revealWindow.to::<u64>();
        let deadline = time40(case.deadline);
        Manager::RevealStarted { caseId: case.id, revealDeadline: deadline }.encode_log_data()
    }

    pub(super) fn start_opening(&self, case: &mut Case, from: u64) -> LogData {
        case.status = CaseStatus::Opening;
        case.deadline = from + self.config.openingWindow.to::<u64>();
        let deadline = time40(case.deadline);
        Manager::OpeningStarted { caseId: case.id, openingDeadline: deadline }.encode_log_data()
    }
}

impl Faults {
    /// The case is in this step, whose deadline has not passed.
    pub(super) fn step(&mut self, id: B256, case: Option<&Case>, step: CaseStatus, now: u64) {
        let status = case.map_or(CaseStatus::None, |case| case.status);
        self.unless(status == step, Manager::ChallengeManager_WrongStatus { caseId: id, status });
        if let Some(case) = case.filter(|_| status == step) {
            let deadline = time40(case.deadline);
            self.unless(now <= case.deadline, Manager::ChallengeManager_TooLate { deadline });
        }
    }

    pub(super) fn owner(&mut self, caller: Address, reference: &CaseRef) {
        let owner = reference.license.terms.owner;
        self.unless(caller == owner, Manager::ChallengeManager_NotOwner { caller, owner });
    }

    pub(super) fn facts(&mut self, id: B256, hold: bool) {
        self.unless(hold, Manager::ChallengeManager_WrongFacts { caseId: id });
    }
}

impl ReferenceModel {
    pub(super) fn court_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.manager, event.encode_log_data())
    }

    pub(super) fn court_events(&self, events: Vec<LogData>) -> Events {
        events.into_iter().map(|event| (self.manager, event)).collect()
    }

    /// Case id by its formula.
    #[must_use]
    pub(crate) fn case_id(&self, case: &CaseRef) -> B256 {
        let words = (
            (U256::from(CHAIN_ID), self.manager, self.license_id(&case.license)),
            (case.deploymentHash, case.reporter, U256::from(case.openedAt)),
            (U256::from(case.cases), U256::from(case.licenses), case.leak),
        );
        keccak256(words.abi_encode())
    }

    /// `commitReport`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn commit_report(&mut self, by: Address, commitment: B256) -> Caused {
        let mut faults = Faults::default();
        let known = self.court.commitments.contains_key(&(by, commitment));
        faults.unless(!known, Manager::ChallengeManager_AlreadyCommitted { commitment });
        faults.none()?;
        self.court.commitments.insert((by, commitment), self.time);
        Ok(vec![self.court_event(&Manager::ReportCommitted { commitment, reporter: by })])
    }

    /// The commitment to a claim that a report uses up.
    pub(super) fn commitment(
        &self,
        by: Address,
        claim: B256,
        salt: B256,
        faults: &mut Faults,
    ) -> (Address, B256) {
        let commitment = keccak256((by, claim, salt).abi_encode());
        let known = self.court.commitments.get(&(by, commitment));
        faults.unless(known.is_some(), Manager::ChallengeManager_NotCommitted { commitment });
        if let Some(time) = known {
            let from = time + self.court.config.reportDelay.to::<u64>();
            let early = Manager::ChallengeManager_TooEarly { from: time40(from) };
            faults.unless(self.time >= from, early);
        }
        (by, commitment)
    }

    pub(super) fn credit(&mut self, coin: Coin, account: Address, amount: u128) {
        *self.court.balances.entry((coin, account)).or_default() += amount;
    }

    /// The challenge manager's `withdrawBalance`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn pull_bonds(&mut self, coin: Coin, by: Address, to: Address) -> Caused {
        let currency = self.currency(coin);
        let amount = self.court.balances.get(&(coin, by)).copied().unwrap_or_default();
        let mut faults = Faults::default();
        faults.unless(!to.is_zero(), Manager::ChallengeManager_NoRecipient {});
        let none = Manager::ChallengeManager_NoBalance { currency, account: by };
        faults.unless(amount != 0, none);
        faults.none()?;
        self.court.balances.remove(&(coin, by));
        self.pay(coin, self.manager, to, amount)?;
        let amount = U256::from(amount);
        Ok(vec![self.court_event(&Manager::BalanceWithdrawn { currency, account: by, to, amount })])
    }
}
