//! Sequences in which the contract decides: the start, the choice of the next step, and time.

use alloy::primitives::{Address, B256, U256};
use oml_contracts::rpc::abi::{CaseRef, CaseStatus, ChallengeManager, Drawn};
use rand::{Rng, RngCore};

use super::compare::same;
use super::difference::Difference;
use super::docket::{Care, Docket};
use super::units::DAY;
use super::world::World;
use crate::model::Case;

/// Whether a case goes on.
pub(super) fn is_live(case: &Case) -> bool {
    (CaseStatus::Opened as u8..=CaseStatus::Rebuttal as u8).contains(&(case.status as u8))
}

impl World {
    pub(super) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.random.random_range(0..end) }
    }

    pub(super) fn word(&mut self) -> B256 {
        let mut word = B256::ZERO;
        self.random.fill_bytes(word.as_mut_slice());
        word
    }

    /// Licenses in use, deployments, provers and the model's seed, most of the time.
    pub(super) fn prologue(&mut self) -> Result<(), Difference> {
        for _ in 0..4 {
            self.acquire()?;
        }
        for at in 0..self.people.provers.len() {
            let by = self.people.provers[at].address();
            if !self.chance(12) {
                self.register_as(by)?;
            }
            if !self.model.provers.accounts.contains_key(&by) && !self.chance(6) {
                self.register_as(by)?;
            }
        }
        if self.chance(2) {
            self.top_up_universe()?;
            self.acquire_later()?;
            self.acquire_later()?;
        }
        self.pass(4, 60);
        for _ in 0..self.model.universes.len() {
            if !self.chance(6) {
                self.draw_model_seed()?;
            }
        }
        for at in 0..self.model.licenses.len() {
            let (reference, _) = self.license_at(at);
            self.draw_seed_of(&reference)?;
            self.activate_of(reference.clone())?;
            self.register_deployment_of(&reference)?;
        }
        self.sell_copies()
    }

    pub(super) fn court_step(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..100_u32) {
            0..=6 => {
                self.some_time();
                Ok(())
            }
            7..=58 => self.go_on(),
            59..=63 => self.report(),
            64..=74 => self.meddle(),
            75..=78 => self.stakes(),
            79..=82 => self.money_out(),
            83..=85 => self.deployments(),
            86..=88 => self.prove(),
            89..=92 => self.show_copy(),
            _ => self.licensing(),
        }
    }

    fn stakes(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..6_u32) {
            0..=2 => self.register_prover(),
            3 => self.add_stake(),
            _ => self.leave_provers(),
        }
    }

    fn licensing(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..20_u32) {
            0 => self.acquire(),
            1 => self.draw_seed(),
            2..=3 => self.activate(),
            4 => self.renew(),
            5 => self.cancel(),
            6 => self.terminate(),
            7 => self.top_up(),
            8..=9 => self.leave_vault(),
            10 => self.open_channel(),
            11..=12 => self.claim(),
            13 => self.leave_channel(),
            14 => self.toggle_offer(),
            15 => self.top_up_universe(),
            16 => self.close(),
            17..=18 => self.change_keys(),
            _ => self.reserve(),
        }
    }

    fn money_out(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..4_u32) {
            0 => self.pay_out(),
            1 => self.pull_balance(),
            _ => self.pull_bonds(),
        }
    }

    /// A while, or to the edge of a deadline.
    pub(super) fn some_time(&mut self) {
        let blocks = if self.chance(25) { 300 } else { self.random.random_range(1..6) };
        let live: Vec<u64> =
            self.model.court.cases.values().filter(|c| is_live(c)).map(|c| c.deadline).collect();
        if live.is_empty() || self.chance(2) {
            let seconds = self.random.random_range(1..DAY / 2);
            return self.pass(blocks, seconds);
        }
        let deadline = live[self.below(live.len())];
        self.pass_to(deadline, blocks);
    }

    /// To the last second before `deadline`, to it, or past it; never back.
    pub(super) fn pass_to(&mut self, deadline: u64, blocks: u64) {
        let edge = match self.random.random_range(0..6_u32) {
            0 => deadline.saturating_sub(1),
            1 => deadline,
            2 => deadline + self.random.random_range(2..DAY / 4),
            _ => deadline + 1,
        };
        self.pass(blocks, edge.saturating_sub(self.model.time));
    }

    pub(super) fn case_of(&self, docket: &Docket) -> Option<Case> {
        self.model.court.cases.get(&docket.id).cloned()
    }

    /// A docket of a live case; now and then of one that has ended.
    pub(super) fn any_docket(&mut self) -> Option<usize> {
        let dockets = &self.court.as_ref()?.dockets;
        let cases = &self.model.court.cases;
        let live = |docket: &Docket| cases.get(&docket.id).is_some_and(is_live);
        let all: Vec<usize> = (0..dockets.len()).collect();
        let going: Vec<usize> = all.iter().copied().filter(|at| live(&dockets[*at])).collect();
        let from = if self.chance(25) { all } else { going };
        if from.is_empty() { None } else { Some(from[self.below(from.len())]) }
    }

    pub(super) fn docket(&self, at: usize) -> Option<Docket> {
        self.court.as_ref()?.dockets.get(at).cloned()
    }

    /// The next sensible step of a case.
    fn go_on(&mut self) -> Result<(), Difference> {
        let Some(at) = self.any_docket() else { return self.report() };
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let Some(case) = self.case_of(&docket) else { return Ok(()) };
        match case.status {
            CaseStatus::Opened => self.go_on_opened(&docket, &case),
            CaseStatus::Drawn => self.go_on_drawn(at, &case),
            CaseStatus::Committing => self.go_on_committing(at, &case),
            CaseStatus::Revealing => self.go_on_revealing(at, &case),
            CaseStatus::Opening => self.go_on_opening(at, &case),
            CaseStatus::Rebuttal => self.go_on_rebuttal(at, &case),
            _ => self.resolve(at, Care::Right),
        }
    }

    fn go_on_opened(&mut self, docket: &Docket, case: &Case) -> Result<(), Difference> {
        if self.model.time > case.deadline {
            return self.resolve_of(docket, case, Care::Right);
        }
        if case.round >= self.model.block && !self.chance(10) {
            self.pass(3, 36);
        }
        let opened_at = case.reference.openedAt.to::<u64>();
        let eligible = self.model.provers.drawn_by(B256::ZERO, opened_at).len();
        let needed = usize::from(self.model.court.config.committeeSize);
        if eligible < needed && !self.chance(4) {
            // Nobody may come, so the case ends as it is.
            self.pass_to(case.deadline, 1);
            return self.resolve_of(docket, case, Care::Right);
        }
        self.draw_case(docket.reference.clone())
    }

    fn go_on_drawn(&mut self, at: usize, case: &Case) -> Result<(), Difference> {
        let posts = self.docket(at).is_some_and(|docket| docket.owner_acts[0]);
        if self.model.time <= case.deadline && posts {
            return self.post_questions(at, Care::Right);
        }
        if self.model.time <= case.deadline {
            self.pass_to(case.deadline, 1);
        }
        self.resolve(at, Care::Right)
    }

    /// Some call with something wrong about it, or at the wrong time.
    fn meddle(&mut self) -> Result<(), Difference> {
        let Some(at) = self.any_docket() else { return Ok(()) };
        let Some(docket) = self.docket(at) else { return Ok(()) };
        let status = self.case_of(&docket).map_or(CaseStatus::None, |case| case.status);
        let care = if self.chance(2) { Care::Spoiled } else { Care::Right };
        match self.random.random_range(0..20_u32) {
            0 => {
                let reference = self.spoiled_reference(&docket.reference);
                self.draw_case(reference)
            }
            1 => self.draw_case(docket.reference),
            2 => self.post_questions(at, care),
            3 => self.commit_tags(at, care),
            4 => self.reveal_tags(at, care),
            5 => self.open_leaves(at, care),
            6 => self.rebut(at, care),
            7..=8 => self.resolve(at, care),
            // What belongs to the step, but wrong.
            _ => match status {
                CaseStatus::Drawn => self.post_questions(at, Care::Spoiled),
                CaseStatus::Committing => self.commit_tags(at, Care::Spoiled),
                CaseStatus::Revealing => self.reveal_tags(at, Care::Spoiled),
                CaseStatus::Opening => self.open_leaves(at, Care::Spoiled),
                CaseStatus::Rebuttal => self.rebut(at, Care::Spoiled),
                _ => self.resolve(at, Care::Spoiled),
            },
        }
    }

    /// What does not name the case any more.
    pub(super) fn spoiled_reference(&mut self, reference: &CaseRef) -> CaseRef {
        let mut spoiled = reference.clone();
        match self.random.random_range(0..8_u32) {
            0 => spoiled.deploymentHash = self.word(),
            1 => spoiled.reporter = self.people.stranger,
            2 => spoiled.openedAt += alloy::primitives::aliases::U40::from(1),
            3 => spoiled.cases += 1,
            4 => spoiled.licenses += 1,
            5 => spoiled.leak = !spoiled.leak,
            6 => spoiled.license.host = self.people.stranger,
            _ => spoiled.license.terms.proverFee += 1,
        }
        spoiled
    }

    /// A draw that differs from the right one in one place.
    pub(super) fn spoiled_draw(&mut self, drawn: &Drawn) -> Drawn {
        let mut spoiled = drawn.clone();
        match self.random.random_range(0..6_u32) {
            0 => spoiled.bundles.reverse(),
            1 => spoiled.committee.reverse(),
            2 => spoiled.committee.push(self.people.stranger),
            3 => drop(spoiled.committee.pop()),
            4 => drop(spoiled.bundles.pop()),
            _ => {
                if let Some(first) = spoiled.bundles.first_mut() {
                    *first = (*first + 1) % 9;
                }
            }
        }
        spoiled
    }

    /// What the contract shows of a case.
    pub(super) fn compare_case(&mut self, id: B256) -> Result<(), Difference> {
        let call = ChallengeManager::caseOfCall { caseId: id };
        let found = self.chain.read(self.model.manager, &call)?;
        let known = self.model.court.cases.get(&id);
        let expected = known.map_or_else(Case::view_of_none, Case::view);
        if found != expected {
            return Err(Difference::Events {
                step: format!("case {id}"),
                expected: format!("{expected:?}"),
                found: format!("{found:?}"),
            });
        }
        let removed = known.map_or(U256::ZERO, |case| case.removed);
        let call = ChallengeManager::removedOfCall { caseId: id };
        let found = self.chain.read(self.model.manager, &call)?;
        same(&format!("removed observations of {id}"), removed, found)
    }

    pub(super) fn compare_word(&mut self, id: B256, member: Address) -> Result<(), Difference> {
        let call = ChallengeManager::wordOfCall { caseId: id, prover: member };
        let found = self.chain.read(self.model.manager, &call)?;
        let case = self.model.court.cases.get(&id);
        let word = case.and_then(|case| case.words.get(&member));
        let expected = word.map_or(B256::ZERO, crate::model::Word::kept);
        same(&format!("word of {member}"), expected.into(), found.into())
    }
}
