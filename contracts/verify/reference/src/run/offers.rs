//! Offers, and universes that a model gets later.

use std::rc::Rc;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, keccak256};
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::{LicenseRegistry, Terms};
use rand::Rng;

use super::difference::Difference;
use super::leaves::Leaves;
use super::listing::{later_leaves, size_of};
use super::units::DAY;
use super::world::{Call, World};
use crate::model::{PartSizes, UniverseId};

/// Universes that a model has at most here.
const MAX_EPOCHS: u32 = 3;

impl World {
    /// Place of an offer; those after the first two are rare, but for those of later epochs.
    pub(super) fn offer(&mut self) -> usize {
        let later = self.terms.iter().position(|terms| terms.epoch != 0);
        let range = match self.random.random_range(0..8_u32) {
            0 => 0..self.terms.len(),
            1..=4 => 0..2,
            _ => later.map_or(0..2, |from| from..self.terms.len()),
        };
        self.random.random_range(range)
    }

    /// A license of a later universe, if there is one.
    pub(super) fn acquire_later(&mut self) -> Result<(), Difference> {
        let all = 0..self.terms.len();
        let later: Vec<usize> = all.filter(|at| self.terms[*at].epoch != 0).collect();
        if later.is_empty() {
            return Ok(());
        }
        let offer = later[self.random.random_range(0..later.len())];
        let host = self.any_host();
        self.acquire_of(offer, host)
    }

    /// Withdraws an offer or publishes it anew; now and then the one that can't be.
    pub(super) fn toggle_offer(&mut self) -> Result<(), Difference> {
        let mut terms = self.terms[self.random.random_range(0..self.terms.len())].clone();
        let by = self.mostly(terms.owner);
        let open = self.model.offers.contains(&self.model.offer_id(&terms));
        if self.chance(4) {
            self.spoil(&mut terms);
        }
        if open != self.chance(8) {
            self.withdraw_offer(&terms, by)
        } else {
            self.publish_offer(&terms, by)
        }
    }

    /// What nobody could enforce, but for the last: an offer of its own.
    fn spoil(&mut self, terms: &mut Terms) {
        match self.random.random_range(0..8_u32) {
            // Perhaps of a universe that is not there.
            0..=1 => terms.epoch += 1,
            2 => terms.seats = if terms.seats == 0 { 8 } else { 12 },
            3 => terms.seats = 0,
            4 => (terms.pricePerRequest, terms.pricePerThousandTokens) = (0, 0),
            5 => terms.thawPeriod = U40::from(self.model.round_length),
            6 => terms.slash.ownerBps = 8_001 - terms.slash.reporterBps,
            _ => terms.slash.ownerBps = 8_000 - terms.slash.reporterBps,
        }
    }

    fn publish_offer(&mut self, terms: &Terms, by: Address) -> Result<(), Difference> {
        let data = LicenseRegistry::publishOfferCall { terms: terms.clone() };
        let call = Call::new(self.model.registry, "publishOffer", by, 0, &data);
        let verdict = self.model.publish_offer(terms, by);
        self.hold(&call, verdict).map(drop)
    }

    fn withdraw_offer(&mut self, terms: &Terms, by: Address) -> Result<(), Difference> {
        let data = LicenseRegistry::withdrawOfferCall { terms: terms.clone() };
        let call = Call::new(self.model.registry, "withdrawOffer", by, 0, &data);
        let verdict = self.model.withdraw_offer(terms, by);
        self.hold(&call, verdict).map(drop)
    }

    /// One more universe of a model, and offers of licenses that carry its fingerprints.
    pub(super) fn top_up_universe(&mut self) -> Result<(), Difference> {
        let offer = self.random.random_range(0..self.terms.len());
        let (model, owner) = (self.terms[offer].modelId, self.terms[offer].owner);
        let epoch = self.model.epochs(model);
        if epoch >= MAX_EPOCHS {
            return Ok(());
        }
        let by = self.mostly(owner);
        let PartSizes { mut personal, mut shared } = size_of(epoch);
        let leaves = self.desk.is_some().then(|| {
            later_leaves(UniverseId { model, epoch }, owner == self.people.parent, self.kind)
        });
        let mut root = leaves.as_ref().map_or(B256::repeat_byte(3), |leaves| leaves.root());
        let mut of = model;
        match self.random.random_range(0..24_u32) {
            0 => root = B256::ZERO,
            1 => personal += 1,
            2 => personal = 0,
            3 => shared += BUNDLE_LEAVES / 2,
            4 => shared = 1 << 20,
            5 => of = keccak256(model),
            _ => {}
        }
        let data = LicenseRegistry::commitUniverseCall {
            modelId: of,
            root,
            personalCount: personal,
            sharedCount: shared,
        };
        let call = Call::new(self.model.registry, "commitUniverse", by, 0, &data);
        let verdict = self.model.commit_universe(by, of, root, PartSizes { personal, shared });
        let done = verdict.is_ok();
        self.hold(&call, verdict)?;
        if done { self.sell(UniverseId { model, epoch }, leaves) } else { Ok(()) }
    }

    /// The first offers of the model once more, for its new universe, and with other terms.
    fn sell(&mut self, id: UniverseId, leaves: Option<Rc<Leaves>>) -> Result<(), Difference> {
        let UniverseId { model, epoch } = id;
        if let (Some(desk), Some(leaves)) = (&mut self.desk, leaves) {
            desk.leaves.insert(id, leaves);
        }
        let first = self.terms.iter().filter(|terms| terms.modelId == model && terms.epoch == 0);
        let first: Vec<Terms> = first.take(2).cloned().collect();
        for mut terms in first {
            terms.epoch = epoch;
            if epoch == 1 {
                // For nothing, and for so long that few renewals fit.
                terms.licenseFee = 0;
                terms.duration = U40::from(1_500 * DAY);
            }
            let by = terms.owner;
            self.publish_offer(&terms, by)?;
            self.terms.push(terms);
        }
        Ok(())
    }
}
