//! The calls of provers: they join, show life, leave, are evicted, and tidy up.

use std::collections::BTreeSet;

use alloy::primitives::{Address, B256, U256};
use oml_contracts::rpc::abi::ProverRegistry as Registry;

use super::faults::Faults;
use super::refusal::{Caused, Events, Refused};
use super::seating::{HELD, Tenure};
use super::state::ReferenceModel;
use super::units::time40;

/// Tickets, or steps, of one call.
const MAX_TICKETS: usize = 64;
/// Longest inbox, in bytes.
const MAX_INBOX: usize = 256;

/// What somebody says of itself, and how many tickets it wants.
#[derive(Debug, Clone)]
pub(crate) struct Joining {
    pub(crate) count: u32,
    pub(crate) encryption_key: B256,
    pub(crate) inbox: String,
}

/// What the contract has chosen to do when it was asked to tidy up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tidying {
    /// Tickets that got another place, from where to where.
    pub(crate) moves: Vec<(u32, u32)>,
    /// Places that are left, if there are fewer than before.
    pub(crate) total: Option<u32>,
}

impl Faults {
    fn count(&mut self, count: usize) {
        self.unless(count != 0, Registry::ProverRegistry_NoTickets {});
        let (given, max) = (U256::from(count), U256::from(MAX_TICKETS));
        let many = Registry::ProverRegistry_TooManyTickets { given, max };
        self.unless(count <= MAX_TICKETS, many);
    }

    fn announcement(&mut self, key: B256, inbox: &str) {
        self.unless(!key.is_zero(), Registry::ProverRegistry_NoEncryptionKey {});
        let length = inbox.len();
        let bad = Registry::ProverRegistry_BadInbox { length: U256::from(length) };
        self.unless((1..=MAX_INBOX).contains(&length), bad);
    }

    fn registered(&mut self, model: &ReferenceModel, by: Address) {
        let held = !model.tickets.held_by(by).is_empty();
        self.unless(held, Registry::ProverRegistry_NotRegistered { account: by });
    }
}

impl ReferenceModel {
    /// `join`; the contract has put the tickets at these places.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn join(
        &mut self,
        by: Address,
        new: &Joining,
        value: u128,
        places: &[u32],
    ) -> Caused {
        let count = new.count as usize;
        let price = self.tickets.config.ticketPrice.saturating_mul(u128::from(new.count));
        let mut faults = Faults::default();
        faults.count(count);
        faults.announcement(new.encryption_key, &new.inbox);
        self.stake_faults(by, price, value, &mut faults);
        faults.none()?;
        if places.len() != count {
            return Ok(Vec::new());
        }
        let new = new.clone();
        self.atomically(|m| {
            let mut events = m.announced(by, new.encryption_key, new.inbox);
            let from = m.time + m.tickets.config.warmUp.to::<u64>();
            for place in places {
                m.tickets.take(*place, Tenure { holder: by, from, until: HELD }, m.time)?;
                events.push(m.tickets_event(&Registry::TicketTaken {
                    ticket: *place,
                    prover: by,
                    validFrom: time40(from),
                }));
            }
            m.pull_stake(by, m.tickets.address, price, value)?;
            Ok(events)
        })
    }

    fn announced(&mut self, by: Address, key: B256, inbox: String) -> Events {
        self.tickets.provers.entry(by).or_default().encryption_key = key;
        let said = Registry::ProverAnnounced { prover: by, encryptionKey: key, inbox };
        vec![self.tickets_event(&said), self.alive(by)]
    }

    /// Who was dead lives from the next second on: it must not choose after a draw.
    fn alive(&mut self, by: Address) -> (Address, alloy::primitives::LogData) {
        let (now, period) = (self.time, self.tickets.config.alivePeriod.to::<u64>());
        let life = self.tickets.provers.entry(by).or_default();
        if life.alive_until < now {
            life.alive_from = now + 1;
        }
        life.alive_until = now + period;
        let event = Registry::ProverAlive { prover: by, aliveUntil: time40(now + period) };
        self.tickets_event(&event)
    }

    /// `announce`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn announce(&mut self, by: Address, key: B256, inbox: &str) -> Caused {
        let mut faults = Faults::default();
        faults.registered(self, by);
        faults.announcement(key, inbox);
        faults.none()?;
        Ok(self.announced(by, key, inbox.to_owned()))
    }

    /// `stayAlive`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn stay_alive(&mut self, by: Address) -> Caused {
        let mut faults = Faults::default();
        faults.registered(self, by);
        faults.none()?;
        Ok(vec![self.alive(by)])
    }

    /// What was staked for this many tickets leaves, together with what is leaving already.
    fn thaw(&mut self, owner: Address, count: usize) -> (Address, alloy::primitives::LogData) {
        let config = &self.tickets.config;
        let (price, end) = (config.ticketPrice, self.time + config.thawPeriod.to::<u64>());
        let account = self.tickets.provers.entry(owner).or_default();
        account.thawing += price * count as u128;
        account.thaw_end = end;
        let event =
            Registry::ThawStarted { prover: owner, thawing: account.thawing, thawEnd: time40(end) };
        self.tickets_event(&event)
    }

    fn released(&mut self, place: u32, owner: Address, evicted: bool) -> Events {
        self.tickets.leave(place, self.time);
        let event = Registry::TicketReleased { ticket: place, prover: owner, evicted };
        vec![self.tickets_event(&event)]
    }

    /// `release`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn release(&mut self, by: Address, places: &[u32]) -> Caused {
        let mut faults = Faults::default();
        faults.count(places.len());
        let mut seen = BTreeSet::new();
        for place in places {
            let held = seen.insert(*place) && self.tickets.holder(*place) == Some(by);
            let not = Registry::ProverRegistry_NotHeld { ticket: *place, account: by };
            faults.unless(held, not);
        }
        faults.none()?;
        let mut events = Vec::new();
        for place in places {
            events.extend(self.released(*place, by, false));
        }
        events.push(self.thaw(by, places.len()));
        Ok(events)
    }

    /// `evict`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn evict(&mut self, places: &[u32]) -> Caused {
        let mut faults = Faults::default();
        faults.count(places.len());
        let mut seen = BTreeSet::new();
        for place in places {
            let owner = self.tickets.holder(*place).filter(|_| seen.insert(*place));
            let nobody =
                Registry::ProverRegistry_NotHeld { ticket: *place, account: Address::ZERO };
            faults.unless(owner.is_some(), nobody);
            let account = owner.unwrap_or_default();
            let until = self.tickets.provers.get(&account).map_or(0, |life| life.alive_until);
            let alive = Registry::ProverRegistry_Alive { account, aliveUntil: time40(until) };
            faults.unless(until < self.time, alive);
        }
        faults.none()?;
        let mut events = Vec::new();
        for place in places {
            let owner = self.tickets.holder(*place).ok_or(Refused::ANY)?;
            events.extend(self.released(*place, owner, true));
            events.push(self.thaw(owner, 1));
        }
        Ok(events)
    }

    /// The provers' `withdraw`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn withdraw_stake(&mut self, by: Address, to: Address) -> Caused {
        let account = self.tickets.provers.get(&by).cloned().unwrap_or_default();
        let (amount, end) = (account.thawing, account.thaw_end);
        let mut faults = Faults::default();
        let nobody = to.is_zero() || to == self.tickets.address;
        faults.unless(!nobody, Registry::ProverRegistry_NoRecipient {});
        let nothing = Registry::ProverRegistry_NothingToWithdraw { account: by };
        faults.unless(amount != 0, nothing);
        let early = Registry::ProverRegistry_NotThawed { account: by, thawEnd: time40(end) };
        faults.unless(self.time >= end, early);
        self.push_faults(to, amount, &mut faults);
        faults.none()?;
        self.atomically(|m| {
            m.tickets.provers.entry(by).or_default().thawing = 0;
            m.push_stake(m.tickets.address, to, amount)?;
            Ok(vec![m.tickets_event(&Registry::StakeWithdrawn { prover: by, to, amount })])
        })
    }

    /// `compact`; the contract has done this much.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn compact(&mut self, steps: u32, done: &Tidying) -> Caused {
        let mut faults = Faults::default();
        faults.count(steps as usize);
        faults.none()?;
        self.atomically(|m| {
            let (mut events, mut used, now) = (Vec::new(), 0, m.time);
            for (from, to) in done.moves.iter().copied() {
                let prover = m.tickets.shift(from, to, now)?;
                events.push(m.tickets_event(&Registry::TicketMoved { from, to, prover }));
                used += 1;
            }
            if let Some(total) = done.total {
                used += m.tickets.cut(total, now)?;
                events.push(m.tickets_event(&Registry::TicketsShrunk { total }));
            }
            m.tickets.compacted = true;
            if used > steps { Err(Refused::ANY) } else { Ok(events) }
        })
    }
}
