//! Provers' tickets: who holds which place of the array, and held it when.
//!
//! Every place keeps all of its tenures, so that whose a seat is can be said of any second. Which
//! of the dead places a ticket goes to is left to the contract; which of them it may go to is not.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256};
use oml_contracts::rpc::abi::ProverRegistry::Config;

use super::refusal::Refused;
use crate::agreed::Coin;

/// End of a tenure that has none yet.
pub(crate) const HELD: u64 = (1 << 40) - 1;
/// How the provers' token behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mood {
    /// As it should; perhaps it makes a call of its own before, which must change nothing.
    #[default]
    Honest,
    /// Says no to everything, and that nobody has anything.
    SaysNo,
    /// Reverts without a word, whatever it is asked.
    Reverts,
    /// Says yes to everything and moves nothing.
    Lies,
    /// Moves one unit less than it is asked to.
    TakesFee,
}

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
    pub(super) fn take(&mut self, place: u32, tenure: Tenure, now: u64) -> Result<(), Refused> {
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
    pub(super) fn leave(&mut self, place: u32, now: u64) {
        if let Some(last) = self.places.get_mut(place as usize).and_then(|place| place.last_mut()) {
            last.until = now + 1;
        }
    }

    /// The last ticket goes to a free place before it, from the next second on.
    pub(super) fn shift(&mut self, from: u32, to: u32, now: u64) -> Result<Address, Refused> {
        let behind = (from + 1..self.total).any(|place| self.holder(place).is_some());
        let moved = self.last(from).filter(|last| last.until == HELD && !behind);
        let moved = moved.filter(|_| to < from && self.is_free(to, now)).ok_or(Refused::ANY)?;
        self.leave(from, now);
        self.places[to as usize].push(Tenure { from: moved.from.max(now + 1), ..moved });
        Ok(moved.holder)
    }

    /// The array loses its end, where nobody sits and nobody's seat is pending.
    pub(super) fn cut(&mut self, total: u32, now: u64) -> Result<u32, Refused> {
        if total >= self.total || !(total..self.total).all(|place| self.is_free(place, now)) {
            return Err(Refused::ANY);
        }
        let cut = self.total - total;
        self.total = total;
        Ok(cut)
    }
}
