//! Sequences in which the contract decides over proofs: the start, and the choice of the next step.

use alloy::primitives::{Address, B256};
use oml_contracts::rpc::abi::Proofs;
use rand::{Rng, RngCore};

use super::difference::Difference;
use super::units::DAY;
use super::world::{Call, World};

impl World {
    pub(super) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.random.random_range(0..end) }
    }

    pub(super) fn word(&mut self) -> B256 {
        let mut word = B256::ZERO;
        self.random.fill_bytes(word.as_mut_slice());
        word
    }

    /// Licenses in use, channels, deployments and the model's seed, most of the time.
    pub(super) fn prologue(&mut self) -> Result<(), Difference> {
        for _ in 0..4 {
            self.acquire()?;
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
            self.deliver_of(reference.clone())?;
            self.register_deployment_of(&reference)?;
            self.open_channel()?;
        }
        self.sell_copies()
    }

    pub(super) fn desk_step(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..100_u32) {
            0..=9 => {
                let blocks = if self.chance(25) { 300 } else { self.random.random_range(1..6) };
                // Now and then so long that proofs by a revoked key lapse, and retired deployments.
                let longest = if self.chance(3) { 9 * DAY } else { DAY };
                let seconds = self.random.random_range(1..longest);
                self.pass(blocks, seconds);
                Ok(())
            }
            10..=35 => self.prove(),
            36..=55 => self.show_copy(),
            56..=62 => self.deployments(),
            63..=67 => self.judge(),
            68..=71 => self.pay_out(),
            72..=73 => self.pull_balance(),
            _ => self.licensing(),
        }
    }

    fn licensing(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..20_u32) {
            0 => self.acquire(),
            1 => self.draw_seed(),
            2..=3 => self.delivery(),
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

    pub(super) fn reporter(&mut self) -> Address {
        let mut people = self.people.payers.clone();
        people.extend([self.people.stranger, self.people.hosts[0]]);
        people[self.below(people.len())]
    }

    /// Commits to a report; when it was made.
    pub(super) fn commit(&mut self, by: Address, commitment: B256) -> Result<u64, Difference> {
        let data = Proofs::commitReportCall { commitment };
        let call = Call::new(self.model.proofs, "commitReport", by, 0, &data);
        let verdict = self.model.commit_report(by, commitment);
        self.hold(&call, verdict)?;
        Ok(self.model.time)
    }

    /// Lets the delay of a report pass, now and then but for a second; the end of it.
    pub(super) fn await_report(&mut self, made_at: u64) -> u64 {
        let from = made_at + self.model.desk.config.reportDelay.to::<u64>();
        if self.model.time < from {
            let early = u64::from(self.chance(8));
            self.pass(1, (from - self.model.time).saturating_sub(early));
        }
        from
    }
}
