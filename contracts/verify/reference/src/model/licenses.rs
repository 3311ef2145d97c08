//! Licenses from the purchase to their end, and their fees: the license registry's rules.

use std::collections::BTreeMap;

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, LogData, keccak256};
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::LicenseRegistry as Registry;

use super::faults::{
    Faults, Terms_BadSeats, Terms_NoPrice, Terms_SlashSplitTooHigh, Terms_ThawShorterThanRound,
    Terms_UnknownEpoch,
};
use super::keys::named;
use super::refusal::{Caused, Refused};
use super::state::{Cases, License, ReferenceModel, Status};
use super::units::{MAX_TERM, share, time40};
use super::universe::{Beacon, universe_of};
use crate::agreed::Coin;

/// What reporter and owner get together of a slash at most, in basis points.
const MAX_SPLIT: u32 = 8_000;
/// Bit of level 2 in the terms.
const ROUNDS: u8 = 1 << 2;

impl ReferenceModel {
    /// `acquire`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn acquire(
        &mut self,
        reference: &abi::LicenseRef,
        keys: (Address, B256),
        value: u128,
    ) -> Caused {
        let (terms, coin) = (&reference.terms, Coin::of(reference.terms.currency));
        let (offer, id) = (self.offer_id(terms), self.license_id(reference));
        let (fee, collateral) = (terms.licenseFee, terms.collateral);
        let mut faults = Faults::default();
        let closed = Registry::LicenseRegistry_OfferNotOpen { offerId: offer };
        faults.unless(self.offers.contains(&offer), closed);
        faults.unless(!keys.0.is_zero(), Registry::ServingKeys_NoSigner {});
        let exists = Registry::LicenseRegistry_LicenseExists { licenseId: id };
        faults.unless(self.find_license(id).is_none(), exists);
        faults.payment(self, coin, reference.host, fee + collateral, value);
        faults.none()?;
        self.atomically(|m| {
            m.pull(coin, reference.host, m.vault, fee + collateral, value)?;
            let license = m.bought(reference, id, keys.0);
            let (deadline, round) = (license.deadline, license.round);
            m.licenses.push(license);
            let mut events = vec![
                m.registry_event(&abi::LicenseRegistry::LicenseAcquired {
                    licenseId: id,
                    offerId: m.offer_id(terms),
                    host: reference.host,
                    nonce: reference.nonce,
                    servingKey: keys.0,
                    encryptionKey: keys.1,
                    seedRound: U48::from(round),
                    deliveryDeadline: time40(deadline),
                }),
                m.vault_event(&abi::CollateralVault::CollateralDeposited {
                    licenseId: id,
                    from: reference.host,
                    currency: m.currency(coin),
                    amount: collateral,
                }),
            ];
            if fee != 0 {
                events.push(m.vault_event(&abi::CollateralVault::FeeHeld {
                    licenseId: id,
                    currency: m.currency(coin),
                    amount: fee,
                }));
            }
            Ok(events)
        })
    }

    /// A license at the moment of its purchase.
    fn bought(&self, reference: &abi::LicenseRef, id: B256, serving: Address) -> License {
        let terms = &reference.terms;
        License {
            reference: reference.clone(),
            id,
            coin: Coin::of(terms.currency),
            status: Status::Acquired,
            deadline: self.time + terms.deliveryPeriod.to::<u64>(),
            round: self.next_round(),
            collateral: terms.collateral,
            held_fee: terms.licenseFee,
            due_fee: 0,
            trial_fee: 0,
            trial_end: 0,
            thaw_end: 0,
            seed: B256::ZERO,
            keys: vec![named(serving, self.time)],
            accepted: None,
            delivered: false,
            activation_round: 0,
            cases: Cases::default(),
            deployments: BTreeMap::new(),
            claims: Vec::new(),
        }
    }

    /// `drawLicenseSeed`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn draw_seed(&mut self, id: B256) -> Caused {
        let found = self.find_license(id);
        let license = found.map(|at| &self.licenses[at]);
        let mut faults = Faults::default();
        let drawn = license.is_some_and(|license| !license.seed.is_zero());
        faults.unless(!drawn, Registry::LicenseRegistry_AlreadySeeded { subject: id });
        faults.status(id, license.map(|license| license.status), &[Status::Acquired]);
        let pending = license
            .map(|license| license.round)
            .filter(|round| self.beacon(*round) == Beacon::Pending);
        let round = U48::from(pending.unwrap_or_default());
        let early = Registry::LicenseRegistry_SeedPending { subject: id, round };
        faults.unless(pending.is_none(), early);
        faults.none()?;
        let at = found.ok_or(Refused::ANY)?;
        let license = self.license(at)?;
        let Beacon::Ready(value) = self.beacon(license.round) else {
            let round = self.next_round();
            self.licenses[at].round = round;
            return Ok(vec![self.registry_event(&abi::LicenseRegistry::SeedRoundMoved {
                subject: license.id,
                seedRound: U48::from(round),
            })]);
        };
        let seed =
            keccak256([value.as_slice(), self.registry.as_slice(), license.id.as_slice()].concat());
        self.licenses[at].status = Status::Seeded;
        self.licenses[at].seed = seed;
        Ok(vec![
            self.registry_event(&abi::LicenseRegistry::LicenseSeeded {
                licenseId: license.id,
                seed,
            }),
        ])
    }

    pub(super) fn split_fee(&mut self, license: &License, fee: u128) -> (Address, LogData) {
        let (to_owner, to_parents) = self.credit_owner(license, fee);
        self.escrow_event(&abi::PaymentEscrow::FeeReleased {
            licenseId: license.id,
            toOwner: to_owner,
            toParents: to_parents,
        })
    }

    pub(super) fn credit_owner(&mut self, license: &License, amount: u128) -> (u128, u128) {
        let terms = &license.reference.terms;
        let mut to_parents = 0;
        for royalty in &terms.royalties {
            let part = share(amount, royalty.bps);
            *self.balances.entry((license.coin, royalty.payee)).or_default() += part;
            to_parents += part;
        }
        *self.balances.entry((license.coin, terms.owner)).or_default() += amount - to_parents;
        (amount - to_parents, to_parents)
    }

    /// `renew`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn renew(
        &mut self,
        reference: &abi::LicenseRef,
        by: Address,
        value: u128,
    ) -> Caused {
        let (id, at) = self.find(reference);
        let terms = &reference.terms;
        let fee = terms.licenseFee;
        let mut faults = Faults::default();
        faults.host(reference, by);
        let running = at.map(|at| &self.licenses[at]).filter(|l| self.runs(l));
        let over = Registry::LicenseRegistry_NotActive { licenseId: id };
        faults.unless(running.is_some(), over);
        let offer = self.offer_id(terms);
        let open = self.offers.contains(&offer);
        faults.unless(open, Registry::LicenseRegistry_OfferNotOpen { offerId: offer });
        let max = self.time + MAX_TERM;
        let expiry = running.map_or(0, |l| l.deadline + terms.duration.to::<u64>());
        let long =
            Registry::LicenseRegistry_TermTooLong { expiry: time40(expiry), max: time40(max) };
        faults.unless(expiry <= max, long);
        faults.payment(self, Coin::of(terms.currency), by, fee, value);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let license = m.license(at)?;
            m.licenses[at].deadline = expiry;
            m.pull(license.coin, license.reference.host, m.escrow, fee, value)?;
            let mut events = vec![m.registry_event(&abi::LicenseRegistry::LicenseRenewed {
                licenseId: license.id,
                expiry: time40(expiry),
            })];
            if fee != 0 {
                events.push(m.split_fee(&license, fee));
            }
            Ok(events)
        })
    }

    /// `cancel`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn cancel(&mut self, reference: &abi::LicenseRef, by: Address) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        faults.host(reference, by);
        let undelivered = [Status::Acquired, Status::Seeded, Status::Accepted];
        faults.status(id, self.status(at), &undelivered);
        let known = at.map(|at| &self.licenses[at]);
        if let Some(license) = known.filter(|l| undelivered.contains(&l.status)) {
            let deadline = time40(license.deadline);
            let early = Registry::LicenseRegistry_DeliveryNotOver { licenseId: id, deadline };
            faults.unless(self.time > license.deadline, early);
        }
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let license = m.license(at)?;
            let host = license.reference.host;
            let own = &mut m.licenses[at];
            own.status = Status::Cancelled;
            (own.collateral, own.held_fee) = (0, 0);
            let (collateral, fee) = (license.collateral, license.held_fee);
            m.pay(license.coin, m.vault, host, collateral + fee)?;
            let mut events = vec![
                m.registry_event(&abi::LicenseRegistry::LicenseCancelled { licenseId: license.id }),
                m.vault_event(&abi::CollateralVault::CollateralWithdrawn {
                    licenseId: license.id,
                    to: host,
                    currency: m.currency(license.coin),
                    amount: collateral,
                }),
            ];
            if fee != 0 {
                events.push(m.vault_event(&abi::CollateralVault::FeeRefunded {
                    licenseId: license.id,
                    host,
                    amount: fee,
                }));
            }
            Ok(events)
        })
    }

    /// `terminate`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn terminate(&mut self, reference: &abi::LicenseRef, by: Address) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        faults.host(reference, by);
        faults.status(id, self.status(at), &[Status::Active]);
        faults.none()?;
        self.end_term(at.ok_or(Refused::ANY)?)
    }

    /// `terminateFor`; nothing happens if the license has ended before.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn terminate_for(&mut self, id: B256, by: Address) -> Caused {
        let at = self.find_license(id);
        let mut faults = Faults::default();
        faults.judge(self, by);
        faults.status(id, self.status(at), &[Status::Active, Status::Terminated]);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        if self.licenses[at].status == Status::Terminated {
            return Ok(Vec::new());
        }
        self.end_term(at)
    }

    pub(super) fn end_term(&mut self, at: usize) -> Caused {
        let license = self.license(at)?;
        let ended = license.deadline.min(self.time);
        self.licenses[at].status = Status::Terminated;
        self.licenses[at].deadline = ended;
        Ok(vec![self.registry_event(&Registry::LicenseTerminated {
            licenseId: license.id,
            endedAt: time40(ended),
        })])
    }

    /// `publishOffer` of terms that can be enforced but for their epoch, whose universe may be
    /// missing, their slashes, and what rounds ask for.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn publish_offer(&mut self, terms: &abi::Terms, by: Address) -> Caused {
        let id = self.offer_id(terms);
        let mut faults = Faults::default();
        let owner = terms.owner;
        faults.unless(by == owner, Registry::LicenseRegistry_OnlyTermsOwner { owner, caller: by });
        let known = self.universes.contains_key(&universe_of(terms));
        let (model_id, epoch) = (terms.modelId, terms.epoch);
        faults.unless(known, Terms_UnknownEpoch { modelId: model_id, epoch });
        self.enforceable(terms, &mut faults);
        let open = self.offers.contains(&id);
        faults.unless(!open, Registry::LicenseRegistry_OfferExists { offerId: id });
        faults.none()?;
        self.offers.insert(id);
        Ok(vec![self.registry_event(&Registry::OfferPublished {
            offerId: id,
            modelId: model_id,
            owner,
            terms: terms.clone(),
        })])
    }

    /// A fifth of each slash burns. Rounds punish use that is not paid, so there has to be a price;
    /// and the collateral stays until a round that was sealed in time is opened.
    fn enforceable(&self, terms: &abi::Terms, faults: &mut Faults) {
        let (reporter, owner) = (terms.slash.reporterBps, terms.slash.ownerBps);
        let split = Terms_SlashSplitTooHigh { reporterBps: reporter, ownerBps: owner };
        faults.unless(u32::from(reporter) + u32::from(owner) <= MAX_SPLIT, split);
        let seats = terms.seats;
        if terms.evidenceLevels & ROUNDS == 0 {
            faults.unless(seats == 0, Terms_BadSeats { seats });
            return;
        }
        // Four seats are enough for a demo on a local chain, as this one is.
        faults.unless([4, 8, 16, 24, 32].contains(&seats), Terms_BadSeats { seats });
        let free = terms.pricePerRequest == 0 && terms.pricePerThousandTokens == 0;
        faults.unless(!free, Terms_NoPrice {});
        let short = Terms_ThawShorterThanRound {
            thawPeriod: terms.thawPeriod,
            roundLength: time40(self.round_length),
        };
        faults.unless(terms.thawPeriod.to::<u64>() > self.round_length, short);
    }

    /// `withdrawOffer`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn withdraw_offer(&mut self, terms: &abi::Terms, by: Address) -> Caused {
        let id = self.offer_id(terms);
        let mut faults = Faults::default();
        let owner = terms.owner;
        faults.unless(by == owner, Registry::LicenseRegistry_OnlyTermsOwner { owner, caller: by });
        let open = self.offers.contains(&id);
        faults.unless(open, Registry::LicenseRegistry_OfferNotOpen { offerId: id });
        faults.none()?;
        self.offers.remove(&id);
        Ok(vec![self.registry_event(&Registry::OfferWithdrawn { offerId: id })])
    }

    /// Place of a license that was bought.
    pub(super) fn find_license(&self, id: B256) -> Option<usize> {
        self.licenses.iter().position(|license| license.id == id)
    }

    /// Id and place of a license; no place if it was never bought.
    pub(super) fn find(&self, reference: &abi::LicenseRef) -> (B256, Option<usize>) {
        let id = self.license_id(reference);
        (id, self.find_license(id))
    }

    pub(super) fn status(&self, at: Option<usize>) -> Option<Status> {
        at.and_then(|at| self.licenses.get(at)).map(|license| license.status)
    }

    /// Whether the term of an active license has not passed.
    pub(super) fn runs(&self, license: &License) -> bool {
        license.status == Status::Active && self.time <= license.deadline
    }
}
