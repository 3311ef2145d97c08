//! A copy's way to its host: accepted, its key delivered, rejected, its fee released.

use alloy::primitives::{Address, B256, keccak256};
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::LicenseRegistry as Registry;

use super::faults::Faults;
use super::refusal::{Caused, Refused};
use super::state::{License, ReferenceModel, Status};
use super::units::time40;
use super::universe::universe_of;

/// Seconds that the owner has for the key.
const KEY_PERIOD: u64 = 86_400;

impl ReferenceModel {
    /// `acceptCopy`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn accept_copy(
        &mut self,
        reference: &abi::LicenseRef,
        by: Address,
        root: B256,
        key_hash: B256,
    ) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        faults.host(reference, by);
        faults.status(id, self.status(at), &[Status::Seeded]);
        faults.unless(!root.is_zero(), Registry::LicenseRegistry_EmptyRoot {});
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        let deadline = self.time + KEY_PERIOD;
        let license = &mut self.licenses[at];
        license.status = Status::Accepted;
        license.deadline = deadline;
        license.accepted = Some((root, key_hash));
        Ok(vec![self.registry_event(&abi::LicenseRegistry::CopyAccepted {
            licenseId: id,
            sealedRoot: root,
            keyHash: key_hash,
            keyDeadline: time40(deadline),
        })])
    }

    /// `deliverKey`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn deliver_key(&mut self, reference: &abi::LicenseRef, key: B256) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        faults.status(id, self.status(at), &[Status::Accepted]);
        let wanted = at.and_then(|at| self.licenses[at].accepted).map(|(_, hash)| hash);
        let fits = wanted == Some(keccak256(key));
        faults.unless(fits, Registry::LicenseRegistry_WrongKey { licenseId: id });
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        let license = self.license(at)?;
        let terms = &license.reference.terms;
        let (duration, trial) = (terms.duration.to::<u64>(), terms.trialPeriod.to::<u64>());
        let on_trial = if trial == 0 { 0 } else { license.held_fee / 2 };
        let expiry = self.time + duration;
        let round = if terms.slash.unlicensedModelBps == 0 { 0 } else { self.next_round() };
        self.universes.entry(universe_of(terms)).or_default().licenses += 1;
        let trial_end = self.time + trial;
        let own = &mut self.licenses[at];
        own.status = Status::Active;
        own.deadline = expiry;
        own.delivered = true;
        own.activation_round = round;
        own.due_fee = license.held_fee - on_trial;
        own.trial_fee = on_trial;
        own.trial_end = trial_end;
        own.held_fee = 0;
        Ok(vec![self.registry_event(&abi::LicenseRegistry::LicenseActivated {
            licenseId: id,
            copyKey: key,
            expiry: time40(expiry),
        })])
    }

    /// `rejectCopy`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn reject_copy(&mut self, reference: &abi::LicenseRef, by: Address) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        faults.host(reference, by);
        faults.status(id, self.status(at), &[Status::Active]);
        let trial = at.map(|at| &self.licenses[at]).filter(|l| l.trial_fee != 0);
        let end = trial.map_or(0, |license| license.trial_end);
        let over = Registry::LicenseRegistry_TrialOver { licenseId: id, trialEnd: time40(end) };
        faults.unless(self.time <= end, over);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let License { coin, reference, trial_fee, .. } = m.license(at)?;
            let mut events =
                vec![m.registry_event(&abi::LicenseRegistry::CopyRejected { licenseId: id })];
            m.licenses[at].trial_fee = 0;
            events.extend(m.end_term(at)?);
            m.pay(coin, m.vault, reference.host, trial_fee)?;
            events.push(m.vault_event(&abi::CollateralVault::FeeRefunded {
                licenseId: id,
                host: reference.host,
                amount: trial_fee,
            }));
            Ok(events)
        })
    }

    /// `releaseFee`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn release_fee(&mut self, reference: &abi::LicenseRef) -> Caused {
        let (id, at) = self.find(reference);
        let license = at.map(|at| self.licenses[at].clone());
        let earned = license.as_ref().map_or(0, |l| {
            if self.time > l.trial_end { l.due_fee + l.trial_fee } else { l.due_fee }
        });
        let mut faults = Faults::default();
        faults.unless(earned != 0, Registry::LicenseRegistry_NoFeeDue { licenseId: id });
        faults.none()?;
        let (at, license) = at.zip(license).ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let own = &mut m.licenses[at];
            own.trial_fee -= earned - own.due_fee;
            own.due_fee = 0;
            m.pay(license.coin, m.vault, m.escrow, earned)?;
            Ok(vec![m.split_fee(&license, earned)])
        })
    }
}
