//! Provers that join, show life, leave and are evicted.

use alloy::primitives::{Address, B256, LogData};
use alloy::sol_types::SolEvent;
use oml_contracts::rpc::abi::ProverRegistry;
use rand::Rng;

use super::difference::Difference;
use super::units::DAY;
use super::world::{Call, World};
use crate::model::{Joining, Tidying};

/// Longest inbox that is taken, and one that is too long.
const INBOXES: [usize; 4] = [22, 256, 257, 0];

/// Events of one kind among what a call has caused.
pub(super) fn decoded<E: SolEvent>(logs: &[(Address, LogData)]) -> Vec<E> {
    logs.iter().filter_map(|(_, log)| E::decode_log_data(log).ok()).collect()
}

/// What the contract has chosen when it was asked to tidy up.
fn tidying(logs: &[(Address, LogData)]) -> Tidying {
    let moves = decoded::<ProverRegistry::TicketMoved>(logs);
    let shrunk = decoded::<ProverRegistry::TicketsShrunk>(logs);
    Tidying {
        moves: moves.iter().map(|moved| (moved.from, moved.to)).collect(),
        total: shrunk.first().map(|shrunk| shrunk.total),
    }
}

impl World {
    pub(super) fn a_prover(&mut self) -> Address {
        let all = self.docket.as_ref().map_or(&[][..], |docket| docket.provers.as_slice());
        let at = self.random.random_range(0..all.len().max(1));
        all.get(at).copied().unwrap_or_default()
    }

    /// One call about tickets.
    pub(super) fn staking(&mut self) -> Result<(), Difference> {
        match self.below(14) {
            0..=2 => {
                let by = self.a_prover();
                self.join(by)
            }
            3 => self.announce(),
            4 => self.stay_alive(),
            5..=8 => self.release(),
            9..=10 => self.evict(),
            11 => self.withdraw_stake(),
            _ => self.compact().map(drop),
        }
    }

    fn announcement(&mut self) -> (B256, String) {
        let key = if self.chance(40) { B256::ZERO } else { self.word() };
        let length = if self.chance(20) { INBOXES[self.below(4)] } else { INBOXES[0] };
        (key, "x".repeat(length))
    }

    pub(super) fn join(&mut self, by: Address) -> Result<(), Difference> {
        let count = match self.below(40) {
            0 => 0,
            1 => 65,
            2 => 20,
            _ => self.random.random_range(1..5),
        };
        let (encryption_key, inbox) = self.announcement();
        let new = Joining { count, encryption_key, inbox };
        let price = self.model.tickets.config.ticketPrice * u128::from(count);
        let value = self.value(self.model.tickets.coin, price);
        if self.join_with(by, &new, value)? && self.chance(6) {
            let warm = self.model.time + self.model.tickets.config.warmUp.to::<u64>();
            return self.seal_at(warm);
        }
        Ok(())
    }

    /// Joins; whether that was taken.
    pub(super) fn join_with(
        &mut self,
        by: Address,
        new: &Joining,
        value: u128,
    ) -> Result<bool, Difference> {
        let data = ProverRegistry::joinCall {
            count: new.count,
            encryptionKey: new.encryption_key,
            inbox: new.inbox.clone(),
        };
        let (before, now) = (self.model.tickets.total, self.model.time);
        let room = self.model.tickets.has_room(now);
        let call = Call::new(self.model.tickets.address, "join", by, value, &data);
        let held = self.hold_choice(&call, |model, logs| {
            let taken = decoded::<ProverRegistry::TicketTaken>(logs);
            let places: Vec<u32> = taken.iter().map(|taken| taken.ticket).collect();
            model.join(by, new, value, &places)
        })?;
        if held.done && self.model.tickets.total < before + new.count {
            self.counts.saw("a dead place is filled");
        } else if held.done && room {
            self.counts.saw("a dead place is overlooked once the array was tidied up");
        }
        Ok(held.done)
    }

    /// A round is sealed in this second, or in the one before it.
    fn seal_at(&mut self, second: u64) -> Result<(), Difference> {
        let early = u64::from(self.chance(3));
        let wait = second.saturating_sub(self.model.time).saturating_sub(early);
        if wait != 0 {
            self.pass(1, wait);
        }
        self.seal()
    }

    fn announce(&mut self) -> Result<(), Difference> {
        let by = self.a_prover();
        let by = self.mostly(by);
        let (key, inbox) = self.announcement();
        let data = ProverRegistry::announceCall { encryptionKey: key, inbox: inbox.clone() };
        let call = Call::new(self.model.tickets.address, "announce", by, 0, &data);
        let verdict = self.model.announce(by, key, &inbox);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn stay_alive(&mut self) -> Result<(), Difference> {
        let by = self.a_prover();
        self.show_life(by)
    }

    pub(super) fn show_life(&mut self, by: Address) -> Result<(), Difference> {
        let by = self.mostly(by);
        let until = self.model.tickets.provers.get(&by).map_or(0, |life| life.alive_until);
        let call = ProverRegistry::stayAliveCall {};
        let call = Call::new(self.model.tickets.address, "stayAlive", by, 0, &call);
        let verdict = self.model.stay_alive(by);
        let revives = verdict.is_ok() && until < self.model.time;
        self.hold(&call, verdict)?;
        if revives {
            self.counts.saw("a prover revives");
            if self.chance(8) {
                return self.seal_at(self.model.time + 1);
            }
        }
        Ok(())
    }

    /// A round is sealed in the second in which some prover dies, or in the last one of its life.
    pub(super) fn seal_at_a_death(&mut self) -> Result<(), Difference> {
        let now = self.model.time;
        let lives = self.model.tickets.provers.values().map(|life| life.alive_until);
        let ends: Vec<u64> = lives.filter(|end| *end >= now && *end < now + 4 * DAY).collect();
        let end = ends.get(self.below(ends.len())).copied();
        end.map_or(Ok(()), |end| self.seal_at(end + 1))
    }

    /// Some places, now and then one twice or one that there is not.
    fn some_of(&mut self, mut places: Vec<u32>) -> Vec<u32> {
        let mut some = Vec::new();
        for _ in 0..self.random.random_range(1..4_u32) {
            if places.is_empty() || self.chance(15) {
                let beyond = self.model.tickets.total + 2;
                some.push(self.random.random_range(0..beyond));
            } else {
                some.push(places.remove(self.below(places.len())));
            }
        }
        if self.chance(40) { Vec::new() } else { some }
    }

    fn release(&mut self) -> Result<(), Difference> {
        let by = self.a_prover();
        let held = self.model.tickets.held_by(by);
        let places = self.some_of(held);
        let next = self.model.time + 1;
        self.release_places(by, &places)?;
        if self.chance(3) { self.seal_at(next) } else { Ok(()) }
    }

    pub(super) fn release_places(&mut self, by: Address, places: &[u32]) -> Result<(), Difference> {
        let data = ProverRegistry::releaseCall { tickets: places.to_vec() };
        let call = Call::new(self.model.tickets.address, "release", by, 0, &data);
        let verdict = self.model.release(by, places);
        self.hold(&call, verdict).map(drop)
    }

    /// Tickets of provers that have shown no life, now and then of others.
    pub(super) fn evict(&mut self) -> Result<(), Difference> {
        let now = self.model.time;
        let all = self.model.tickets.provers.iter();
        let dead: Vec<Address> =
            all.filter(|(_, life)| life.alive_until < now).map(|(who, _)| *who).collect();
        let dead = dead.into_iter().flat_map(|who| self.model.tickets.held_by(who)).collect();
        let places = self.some_of(dead);
        let data = ProverRegistry::evictCall { tickets: places.clone() };
        let call = Call::new(self.model.tickets.address, "evict", self.people.stranger, 0, &data);
        let verdict = self.model.evict(&places);
        self.hold(&call, verdict).map(drop)
    }

    fn withdraw_stake(&mut self) -> Result<(), Difference> {
        let now = self.model.time;
        let all = self.model.tickets.provers.iter();
        let ready = all.filter(|(_, account)| account.thawing != 0 && account.thaw_end <= now);
        let ready: Vec<Address> = ready.map(|(who, _)| *who).collect();
        let by = if ready.is_empty() || self.chance(3) {
            self.a_prover()
        } else {
            ready[self.below(ready.len())]
        };
        self.withdraw_stake_of(by)
    }

    pub(super) fn withdraw_stake_of(&mut self, by: Address) -> Result<(), Difference> {
        let refusing = self.model.tickets.refusers.first().copied();
        let to = match self.below(20) {
            0 => Address::ZERO,
            1 => self.model.tickets.address,
            2..=3 => refusing.unwrap_or(by),
            4 => self.people.parent,
            _ => by,
        };
        let data = ProverRegistry::withdrawCall { to };
        let call = Call::new(self.model.tickets.address, "withdraw (stake)", by, 0, &data);
        let verdict = self.model.withdraw_stake(by, to);
        self.hold(&call, verdict).map(drop)
    }

    /// Tidies up; whether that did anything.
    pub(super) fn compact(&mut self) -> Result<bool, Difference> {
        let steps = match self.below(12) {
            0 => 0,
            1 => 65,
            2..=5 => self.random.random_range(1..4),
            _ => 64,
        };
        let done = self.compact_by(steps)?;
        if done && self.chance(2) {
            self.seal_at(self.model.time + 1)?;
        }
        Ok(done)
    }

    pub(super) fn compact_by(&mut self, steps: u32) -> Result<bool, Difference> {
        let data = ProverRegistry::compactCall { steps };
        let call = Call::new(self.model.tickets.address, "compact", self.people.stranger, 0, &data);
        let held = self.hold_choice(&call, |model, logs| model.compact(steps, &tidying(logs)))?;
        Ok(!held.logs.is_empty())
    }

    /// With no round pending nothing but tickets is left in the array, once it is tidied up for
    /// long enough.
    pub(super) fn compare_compacted(&mut self) -> Result<(), Difference> {
        let longest = self.model.tickets.config.roundLength.to::<u64>() + 3;
        self.pass(1, longest);
        for _ in 0..6 {
            // What a move has left is free a round later.
            while self.compact_by(64)? {}
            self.pass(1, longest);
        }
        let held =
            (0..self.model.tickets.total).filter(|p| self.model.tickets.holder(*p).is_some());
        let held = alloy::primitives::U256::from(held.count());
        let total = alloy::primitives::U256::from(self.model.tickets.total);
        super::compare::same("places of a tidy array", held, total)?;
        self.counts.saw("an array without dead places");
        Ok(())
    }
}
