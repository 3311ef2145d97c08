//! Sequences with rounds: the start, the choice of the next step, and the end.

use alloy::primitives::{Address, keccak256};
use rand::Rng;

use super::counts::CallCounts;
use super::difference::Difference;
use super::units::DAY;
use super::world::World;
use crate::model::{SealedRound, Status};

impl World {
    /// A sequence in which the contracts decide over rounds.
    pub(super) fn run_rounds(&mut self, steps: u32) -> Result<CallCounts, Difference> {
        self.round_prologue()?;
        for _ in 0..steps {
            self.round_step()?;
            if self.chance(3) {
                self.calm_down()?;
            }
        }
        self.calm_down()?;
        self.compare_rounds()?;
        self.round_epilogue()?;
        self.compare_all()?;
        self.compare_rounds()?;
        Ok(self.counts.clone())
    }

    /// Provers, and licenses in use whose words are committed, most of the time.
    fn round_prologue(&mut self) -> Result<(), Difference> {
        let provers = self.docket.as_ref().map(|docket| docket.provers.clone()).unwrap_or_default();
        for prover in provers {
            if !self.chance(8) {
                self.join(prover)?;
            }
        }
        for offer in [0, 1, self.terms.len() - 1] {
            let host = self.any_host();
            self.use_license(offer, host)?;
        }
        self.pass(2, 2 * 3_600);
        Ok(())
    }

    /// A license from its purchase to its first deployment.
    fn use_license(&mut self, offer: usize, host: Address) -> Result<(), Difference> {
        let at = self.model.licenses.len();
        self.acquire_of(offer, host)?;
        self.pass(4, 60);
        self.deliver(at)?;
        let (reference, _) = self.license_at(at);
        self.register_deployment_of(&reference)?;
        if self.chance(2) {
            self.register_deployment_of(&reference)?;
        }
        self.commit_words(at)
    }

    /// A license that was bought comes into use; few fail thrice.
    fn deliver(&mut self, at: usize) -> Result<(), Difference> {
        let (reference, _) = self.license_at(at);
        for _ in 0..3 {
            let known = self.model.licenses.get(at);
            if known.is_some_and(|license| license.status == Status::Active) {
                break;
            }
            self.draw_seed_of(&reference)?;
            self.deliver_of(reference.clone())?;
        }
        Ok(())
    }

    fn round_step(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..100_u32) {
            0..=10 => self.seal_some(),
            11..=26 => self.answer_some(),
            27..=53 => self.open_some(),
            54..=65 => self.collect_some(),
            66..=67 => self.burn_fees(),
            68..=77 => self.staking(),
            78..=80 => self.change_mood(),
            81..=83 => self.accuse(),
            84..=86 => self.take_report(),
            87..=91 => self.places(),
            92..=93 => self.provers_live(),
            94 => self.seal_at_a_death(),
            95 => self.pay_out(),
            _ => self.round_licensing(),
        }
    }

    /// Up to three rounds at once, which may be of one license.
    fn seal_some(&mut self) -> Result<(), Difference> {
        let busy = self.pending().len();
        self.revive_some()?;
        for _ in 0..self.random.random_range(1..4_u32) {
            if busy < 4 || self.chance(6) {
                self.seal()?;
            }
            if self.chance(4) {
                self.pass(1, 12);
            }
        }
        Ok(())
    }

    /// Provers that are dead come back, most of them.
    fn revive_some(&mut self) -> Result<(), Difference> {
        let now = self.model.time;
        let dead = self.model.tickets.provers.iter().filter(|(_, life)| life.alive_until < now);
        let dead: Vec<Address> = dead.map(|(who, _)| *who).collect();
        for prover in dead {
            if !self.chance(4) {
                self.show_life(prover)?;
            }
        }
        if !self.chance(8) {
            self.pass(1, 12);
        }
        Ok(())
    }

    /// Seats answer in one of the rounds that wait for it, or in all.
    fn answer_some(&mut self) -> Result<(), Difference> {
        let mut pending = self.pending();
        let late = self.chance(10);
        let waits = |round: SealedRound| self.model.time <= self.model.answers_until(&round);
        pending.retain(|play| late || self.round_of(play).is_some_and(waits));
        if pending.is_empty() {
            return self.seal_some();
        }
        let all = self.chance(2);
        while !pending.is_empty() {
            let play = pending.remove(self.below(pending.len()));
            self.answer_round(&play)?;
            if !all {
                break;
            }
        }
        Ok(())
    }

    /// The owner opens one of the rounds that wait for it, or all in some order, and forgets one.
    fn open_some(&mut self) -> Result<(), Difference> {
        let mut pending = self.pending();
        if pending.is_empty() {
            return self.seal_some();
        }
        // An opening takes the time to it, in which the others' answers end.
        for play in pending.clone() {
            let waits = self.round_of(&play).is_some_and(|round| {
                round.sheets.is_empty() && self.model.time <= self.model.answers_until(&round)
            });
            if waits && !self.chance(8) {
                self.answer_round(&play)?;
            }
        }
        let all = !self.chance(4);
        while !pending.is_empty() {
            let play = pending.remove(self.below(pending.len()));
            if self.chance(12) {
                continue;
            }
            self.open_play(&play)?;
            if !all {
                break;
            }
        }
        Ok(())
    }

    /// A friend of a host that is being tested reports it.
    fn accuse(&mut self) -> Result<(), Difference> {
        let pending = self.pending();
        let tested = pending.first().map(|play| play.license);
        let at = tested.unwrap_or_else(|| self.place(self.model.licenses.len()));
        self.report_oneself(at)
    }

    /// Hosts register, retire, come back; or they retire long before a round is sealed.
    fn places(&mut self) -> Result<(), Difference> {
        let (_, reference, _) = self.pick();
        match self.below(8) {
            0..=2 => self.register_deployment_of(&reference),
            3 => self.come_back(),
            4 => {
                let uri = self.uri();
                self.retire(&reference, uri)
            }
            _ => self.retire_early(),
        }
    }

    /// A host retires a place, and answers for it until between the seal of a round and its
    /// opening, or until shortly before the seal.
    fn retire_early(&mut self) -> Result<(), Difference> {
        let Some((at, uri)) = self.some_place() else { return Ok(()) };
        let (reference, _) = self.license_at(at);
        self.retire(&reference, uri)?;
        let known = self.model.licenses.get(at).map(|license| &license.deployments);
        let place = known.and_then(|known| known.get(&keccak256(uri)));
        let until = place.map_or(0, |place| place.until);
        let left = if self.chance(3) { 0 } else { self.random.random_range(0..2 * DAY) };
        let wait = (until + 1).saturating_sub(self.model.time).saturating_sub(left);
        if (1..=4 * DAY).contains(&wait) {
            self.pass(4, wait);
        }
        self.seal_some()
    }

    /// Time passes, in which most provers show life.
    fn provers_live(&mut self) -> Result<(), Difference> {
        let seconds = self.random.random_range(1..3 * DAY);
        self.pass(4, seconds);
        let provers = self.docket.as_ref().map(|docket| docket.provers.clone()).unwrap_or_default();
        for prover in provers {
            if !self.chance(4) {
                self.show_life(prover)?;
            }
        }
        let by = self.a_prover();
        if self.chance(4) { Ok(()) } else { self.join(by) }
    }

    fn round_licensing(&mut self) -> Result<(), Difference> {
        match self.below(6) {
            0 => {
                let (offer, host) = (self.below(2), self.any_host());
                self.use_license(offer, host)
            }
            1 => self.terminate(),
            2 => self.top_up(),
            3 => self.leave_vault(),
            4 => {
                let at = self.place(self.model.licenses.len());
                self.commit_words(at)
            }
            _ => self.pull_balance(),
        }
    }

    /// Fees that nobody fetches are burned, everybody leaves, and the array is tidied up.
    fn round_epilogue(&mut self) -> Result<(), Difference> {
        if self.random.random() {
            self.collect_some()?;
        }
        self.compare_compacted()?;
        self.pass(4, 31 * DAY);
        self.evict()?;
        if self.chance(3) {
            self.change_mood()?;
        }
        self.settle_fees()?;
        self.calm_down()?;
        let provers = self.docket.as_ref().map(|docket| docket.provers.clone()).unwrap_or_default();
        for prover in provers {
            self.withdraw_stake_of(prover)?;
        }
        Ok(())
    }
}
