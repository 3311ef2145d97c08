//! Accounts in the place of the contracts that decide: they convict, burn and redirect when they
//! like.

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, U256};
use oml_contracts::rpc::abi::{CollateralVault, LicenseRegistry};
use rand::Rng;

use super::difference::Difference;
use super::world::{Call, World};
use crate::model::{EarlierSeal, Payout, Slashing, Status, UniverseId};

impl World {
    /// Mostly somebody who may decide. Where the contract of proofs does, it is only rounds'
    /// account that can be made to.
    fn judging(&mut self) -> Address {
        let proofs = self.desk.is_none() && self.random.random();
        self.mostly(if proofs { self.model.proofs } else { self.model.rounds })
    }

    /// One call of those that decide.
    pub(super) fn judge(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..10_u32) {
            0 => self.terminate_for(),
            1..=3 => self.slash(),
            4..=6 => self.burn(),
            _ => self.redirect(),
        }
    }

    fn terminate_for(&mut self) -> Result<(), Difference> {
        let (_, reference, _) = self.pick();
        let by = self.judging();
        let id = self.model.license_id(&reference);
        let data = LicenseRegistry::terminateForCall { licenseId: id };
        let call = Call::new(self.model.registry, "terminateFor", by, 0, &data);
        let verdict = self.model.terminate_for(id, by);
        self.hold(&call, verdict).map(drop)
    }

    fn slash(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        // Only licenses that were active are slashed, no others.
        let liable = self.model.licenses.get(at).map(|license| license.status);
        if !matches!(liable, Some(Status::Active | Status::Terminated)) {
            return Ok(());
        }
        let by = self.judging();
        let reporter_bps = self.random.random_range(0..5_000_u16);
        let reported = if self.chance(3) { 0 } else { self.model.time - self.below(600) as u64 };
        let how = Slashing {
            bps: self.random.random_range(0..11_000_u16),
            reporter: if self.chance(30) { Address::ZERO } else { Address::repeat_byte(7) },
            reporterBps: reporter_bps,
            ownerBps: self.random.random_range(0..=8_000 - reporter_bps),
            payoutDelay: U40::from(self.random.random_range(0..86_400_u64)),
            committedAt: U40::from(reported),
        };
        let data = CollateralVault::slashCall { r#ref: reference.clone(), how: how.clone() };
        let call = Call::new(self.model.vault, "slash", by, 0, &data);
        let verdict = self.model.slash(&reference, by, &how);
        self.hold(&call, verdict).map(drop)
    }

    /// A few bundles, now and then one of them twice, or one that there is not.
    fn burn(&mut self) -> Result<(), Difference> {
        let known: Vec<UniverseId> = self.model.universes.keys().copied().collect();
        let mut id = known[self.below(known.len())];
        let mut left = self.model.universe(id).left_personal();
        let mut bundles = Vec::new();
        for _ in 0..self.random.random_range(0..3_u32) {
            if left.is_empty() || self.chance(10) {
                bundles.push(self.random.random_range(0..10));
            } else {
                bundles.push(left.remove(self.below(left.len())));
            }
        }
        if self.chance(12) {
            id.epoch += 9;
        }
        let by = self.judging();
        let UniverseId { model, epoch } = id;
        let data = LicenseRegistry::burnCall { modelId: model, epoch, bundles: bundles.clone() };
        let call = Call::new(self.model.registry, "burn", by, 0, &data);
        let verdict = self.model.burn(id, by, &bundles);
        self.hold(&call, verdict).map(drop)
    }

    /// Mostly a proof's payout that somebody with an earlier seal is to get.
    fn redirect(&mut self) -> Result<(), Difference> {
        let all = self.model.payouts.iter().enumerate();
        let reported = |payout: &Payout| payout.report.is_some();
        let such: Vec<usize> = all.filter(|(_, p)| reported(p)).map(|(at, _)| at).collect();
        let at = if such.is_empty() || self.chance(4) {
            self.place(self.model.payouts.len())
        } else {
            such[self.below(such.len())]
        };
        let report = self.model.payouts.get(at).and_then(|payout| payout.report);
        let (mut license, made) = report.unwrap_or((B256::repeat_byte(5), 1));
        let before = if self.chance(6) { made } else { made - 1 };
        if self.chance(12) {
            license = self.word();
        }
        let by = self.mostly(self.model.rounds);
        let to = self.people.parent;
        let data = CollateralVault::redirectCall {
            payoutId: U256::from(at),
            licenseId: license,
            before: U40::from(before),
            to,
        };
        let call = Call::new(self.model.vault, "redirect", by, 0, &data);
        let verdict = self.model.redirect(by, at, &EarlierSeal { license, before }, to);
        self.hold(&call, verdict).map(drop)
    }
}
