//! Provers' tickets: who holds which place of the array, and held it when.
//!
//! Every place keeps all of its tenures, so that whose a seat is can be said of any second. Which
//! of the dead places a ticket goes to is left to the contract; which of them it may go to is not.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, U256};
use oml_contracts::rpc::abi::ProverRegistry::{self as Registry, Config};

use super::faults::Faults;
use super::refusal::{Caused, Events, Refused};
use super::stake::Mood;
use super::state::ReferenceModel;
use super::units::time40;
use crate::agreed::Coin;

/// End of a tenure that has none yet.
pub(crate) const HELD: u64 = (1 << 40) - 1;
/// Tickets, or steps, of one call.
const MAX_TICKETS: usize = 64;
/// Longest inbox, in bytes.
const MAX_INBOX: usize = 256;

/// Somebody's time at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) holder: Address,
    /// First second, once its warm-up is over.
    pub(crate) from: u64,
    /// First second after it.
    pub(crate) until: u64,
}

/// What is known of a prover.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProverAccount {
    /// To which keys are sealed.
    pub(crate) encryption_key: B256,
    /// Since when it has been alive without a gap.
    pub(crate) alive_from: u64,
    /// Last second of its life, if it shows no more.
    pub(crate) alive_until: u64,
    /// Stake on its way out.
    pub(crate) thawing: u128,
    /// From when that can be had.
    pub(crate) thaw_end: u64,
}

/// All provers and their tickets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tickets {
    /// Address of the contract.
    pub(crate) address: Address,
    /// What was fixed at the deployment.
    pub(crate) config: Config,
    /// What stake and fees are paid in.
    pub(crate) coin: Coin,
    /// Address of that token, if it is one.
    pub(crate) token: Address,
    /// How the token behaves.
    pub(crate) mood: Mood,
    /// Accounts that take no native currency.
    pub(crate) refusers: BTreeSet<Address>,
    /// Tenures by place, also of places that were cut off.
    pub(crate) places: Vec<Vec<Tenure>>,
    /// Places of the array.
    pub(crate) total: u32,
    /// Whether somebody has ever asked for it to be tidied up.
    pub(crate) compacted: bool,
    /// Everybody who has ever joined.
    pub(crate) provers: BTreeMap<Address, ProverAccount>,
}

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

impl Tickets {
    fn last(&self, place: u32) -> Option<Tenure> {
        self.places.get(place as usize)?.last().copied()
    }

    /// Who holds a place now.
    pub(crate) fn holder(&self, place: u32) -> Option<Address> {
        self.last(place).filter(|last| last.until == HELD).map(|last| last.holder)
    }

    /// Places that somebody holds.
    pub(crate) fn held_by(&self, by: Address) -> Vec<u32> {
        (0..self.total).filter(|place| self.holder(*place) == Some(by)).collect()
    }

    /// Whose seat a place is in a round that was sealed then. Who was not alive has none.
    pub(crate) fn holder_at(&self, place: u32, time: u64) -> Option<Address> {
        let tenures = self.places.get(place as usize)?;
        let sits = |tenure: &&Tenure| tenure.from <= time && time < tenure.until;
        let holder = tenures.iter().find(sits)?.holder;
        let life = self.provers.get(&holder)?;
        (life.alive_from <= time && time <= life.alive_until).then_some(holder)
    }

    /// Whether nobody holds a place, and no round is pending in which its last holder has a seat.
    fn is_free(&self, place: u32, now: u64) -> bool {
        self.last(place).is_none_or(|last| last.until + self.config.roundLength.to::<u64>() <= now)
    }

    /// Whether a new ticket should have gone to a dead place of the array.
    pub(crate) fn has_room(&self, now: u64) -> bool {
        now > 0 && (0..self.total).any(|place| self.is_free(place, now - 1))
    }

    /// Puts a ticket at a place of the array, or right behind its end.
    fn take(&mut self, place: u32, tenure: Tenure, now: u64) -> Result<(), Refused> {
        let at_the_end = place == self.total;
        if place > self.total || !self.is_free(place, now) {
            return Err(Refused::ANY);
        }
        // Dead places come first; once the array was tidied up the contract may overlook one.
        if at_the_end && !self.compacted && self.has_room(now) {
            return Err(Refused::ANY);
        }
        self.total += u32::from(at_the_end);
        if self.places.len() == place as usize {
            self.places.push(Vec::new());
        }
        self.places[place as usize].push(tenure);
        Ok(())
    }

    /// Rounds that are sealed in this second still have the ticket at its place.
    fn leave(&mut self, place: u32, now: u64) {
        if let Some(last) = self.places.get_mut(place as usize).and_then(|place| place.last_mut()) {
            last.until = now + 1;
        }
    }

    /// The last ticket goes to a free place before it, from the next second on.
    fn shift(&mut self, from: u32, to: u32, now: u64) -> Result<Address, Refused> {
        let behind = (from + 1..self.total).any(|place| self.holder(place).is_some());
        let moved = self.last(from).filter(|last| last.until == HELD && !behind);
        let moved = moved.filter(|_| to < from && self.is_free(to, now)).ok_or(Refused::ANY)?;
        self.leave(from, now);
        self.places[to as usize].push(Tenure { from: moved.from.max(now + 1), ..moved });
        Ok(moved.holder)
    }

    /// The array loses its end, where nobody sits and nobody's seat is pending.
    fn cut(&mut self, total: u32, now: u64) -> Result<u32, Refused> {
        if total >= self.total || !(total..self.total).all(|place| self.is_free(place, now)) {
            return Err(Refused::ANY);
        }
        let cut = self.total - total;
        self.total = total;
        Ok(cut)
    }
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
