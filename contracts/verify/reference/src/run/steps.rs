//! The single calls of a sequence: chosen at random, mostly sensible.

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, U256};
use oml_contracts::rpc::abi;
use rand::{Rng, RngCore};

use super::difference::Difference;
use super::units::DAY;
use super::world::{Call, World};
use crate::agreed::{Coin, header};
use crate::model::{License, Redirection, Status};

/// To which copies are sealed; only announced.
const ENCRYPTION_KEY: B256 = B256::repeat_byte(3);

impl World {
    pub(super) fn acquire(&mut self) -> Result<(), Difference> {
        let offer = self.offer();
        let host = self.any_host();
        self.acquire_of(offer, host)
    }

    pub(super) fn any_host(&mut self) -> Address {
        self.people.hosts[self.random.random_range(0..self.people.hosts.len())]
    }

    /// Licenses in use and channels to them, so that there is something to claim.
    pub(super) fn open_shop(&mut self) -> Result<(), Difference> {
        for _ in 0..3 {
            self.acquire()?;
        }
        self.pass(4, 60);
        for at in 0..self.model.licenses.len() {
            let (reference, _) = self.license_at(at);
            self.draw_seed_of(&reference)?;
            self.deliver_of(reference)?;
            self.open_channel()?;
        }
        Ok(())
    }

    pub(super) fn acquire_of(&mut self, offer: usize, host: Address) -> Result<(), Difference> {
        // Now and then one that was bought before.
        let bought = if self.chance(15) { self.model.licenses.first() } else { None };
        let reference = match bought {
            Some(license) => license.reference.clone(),
            None => {
                let nonce = alloy::primitives::aliases::U96::from(self.random.next_u32());
                abi::LicenseRef { terms: self.terms[offer].clone(), host, nonce }
            }
        };
        let coin = Coin::of(reference.terms.currency);
        let serving = if self.chance(30) { Address::ZERO } else { self.people.serving.address() };
        let price = reference.terms.licenseFee + reference.terms.collateral;
        let value = self.value(coin, price);
        let data = abi::LicenseRegistry::acquireCall {
            terms: reference.terms.clone(),
            nonce: reference.nonce,
            servingKey: serving,
            encryptionKey: ENCRYPTION_KEY,
        };
        let call = Call::new(self.model.registry, "acquire", reference.host, value, &data);
        let verdict = self.model.acquire(&reference, (serving, ENCRYPTION_KEY), value);
        self.hold(&call, verdict).map(drop)
    }

    /// Brings a round whose block can be shown; now and then nobody does.
    pub(super) fn bring(&mut self, round: u64) -> Result<(), Difference> {
        if !self.model.can_bring(round) || self.chance(12) {
            return Ok(());
        }
        let data = abi::Beacon::bringCall { round: U48::from(round), proof: header(round) };
        let call = Call::new(self.model.beacon, "bring", self.people.stranger, 0, &data);
        let verdict = self.model.bring_round(round);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn draw_seed(&mut self) -> Result<(), Difference> {
        let (_, reference, _) = self.pick();
        self.draw_seed_of(&reference)
    }

    pub(super) fn draw_seed_of(&mut self, reference: &abi::LicenseRef) -> Result<(), Difference> {
        let id = self.model.license_id(reference);
        let license = self.model.licenses.iter().find(|license| license.id == id);
        if let Some(round) = license.map(|license| license.round) {
            self.bring(round)?;
        }
        let data = abi::LicenseRegistry::drawLicenseSeedCall { licenseId: id };
        let call =
            Call::new(self.model.registry, "drawLicenseSeed", self.people.stranger, 0, &data);
        let verdict = self.model.draw_seed(id);
        self.hold(&call, verdict).map(drop)
    }

    /// A license of this sort half of the time, if there is one, else any.
    pub(super) fn pick_such(&mut self, fits: impl Fn(&License) -> bool) -> (abi::LicenseRef, Coin) {
        let such: Vec<License> = self.model.licenses.iter().filter(|l| fits(l)).cloned().collect();
        if such.is_empty() || self.random.random() {
            let (_, reference, coin) = self.pick();
            return (reference, coin);
        }
        let License { reference, coin, .. } = such[self.random.random_range(0..such.len())].clone();
        (reference, coin)
    }

    pub(super) fn renew(&mut self) -> Result<(), Difference> {
        // Long terms, which can't be renewed often, are rare.
        let long = |l: &License| l.status == Status::Active && l.reference.terms.licenseFee == 0;
        let (reference, coin) = self.pick_such(long);
        let by = self.mostly(reference.host);
        let value = self.value(coin, reference.terms.licenseFee);
        let data = abi::LicenseRegistry::renewCall { r#ref: reference.clone() };
        let call = Call::new(self.model.registry, "renew", by, value, &data);
        let verdict = self.model.renew(&reference, by, value);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn cancel(&mut self) -> Result<(), Difference> {
        let (_, reference, _) = self.pick();
        let by = self.mostly(reference.host);
        let data = abi::LicenseRegistry::cancelCall { r#ref: reference.clone() };
        let call = Call::new(self.model.registry, "cancel", by, 0, &data);
        let verdict = self.model.cancel(&reference, by);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn terminate(&mut self) -> Result<(), Difference> {
        let (_, reference, _) = self.pick();
        let by = self.mostly(reference.host);
        let data = abi::LicenseRegistry::terminateCall { r#ref: reference.clone() };
        let call = Call::new(self.model.registry, "terminate", by, 0, &data);
        let verdict = self.model.terminate(&reference, by);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn top_up(&mut self) -> Result<(), Difference> {
        let (_, reference, coin) = self.pick();
        let (by, amount) = (self.people.stranger, self.amount());
        let value = self.value(coin, amount);
        let data = abi::CollateralVault::topUpCall { r#ref: reference.clone(), amount };
        let call = Call::new(self.model.vault, "topUp", by, value, &data);
        let verdict = self.model.top_up(&reference, by, amount, value);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn leave_vault(&mut self) -> Result<(), Difference> {
        let now = self.model.time;
        if self.random.random() {
            let ended = |l: &License| l.thaw_end == 0 && l.status == Status::Terminated;
            let (reference, _) = self.pick_such(ended);
            let by = self.mostly(reference.host);
            let data = abi::CollateralVault::startThawCall { r#ref: reference.clone() };
            let call = Call::new(self.model.vault, "startThaw", by, 0, &data);
            let verdict = self.model.thaw_collateral(&reference, by);
            return self.hold(&call, verdict).map(drop);
        }
        let thawed = |l: &License| l.thaw_end != 0 && l.thaw_end <= now + DAY;
        let (reference, _) = self.pick_such(thawed);
        let by = self.mostly(reference.host);
        let data = abi::CollateralVault::withdrawCall { r#ref: reference.clone() };
        let call = Call::new(self.model.vault, "withdraw", by, 0, &data);
        let verdict = self.model.withdraw_collateral(&reference, by);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn pay_out(&mut self) -> Result<(), Difference> {
        let id = self.place(self.model.payouts.len());
        if self.chance(3) {
            return self.pay_out_elsewhere(id);
        }
        let data = abi::CollateralVault::payOutCall { payoutId: U256::from(id) };
        let call = Call::new(self.model.vault, "payOut", self.people.stranger, 0, &data);
        let verdict = self.model.pay_out(id, None);
        self.hold(&call, verdict).map(drop)
    }

    /// Mostly by its payee, to somebody whose wallet is looked at in the end.
    fn pay_out_elsewhere(&mut self, id: usize) -> Result<(), Difference> {
        let payee = self.model.payouts.get(id).map(|payout| payout.to);
        let by = payee.filter(|_| !self.chance(4)).unwrap_or(self.people.stranger);
        let to = if self.chance(8) { self.model.escrow } else { self.people.parent };
        let data = abi::CollateralVault::payOutToCall { payoutId: U256::from(id), to };
        let call = Call::new(self.model.vault, "payOutTo", by, 0, &data);
        let verdict = self.model.pay_out(id, Some(Redirection { by, to }));
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn pull_balance(&mut self) -> Result<(), Difference> {
        let coin = Coin::native_if(self.random.random());
        let mut people = vec![self.people.owner, self.people.parent];
        people.extend(&self.people.hosts);
        let by = people[self.random.random_range(0..people.len())];
        let to = if self.chance(20) { Address::ZERO } else { by };
        let currency = if coin.is_native() { Address::ZERO } else { self.model.token };
        let data = abi::PaymentEscrow::withdrawBalanceCall { currency, to };
        let call = Call::new(self.model.escrow, "withdrawBalance", by, 0, &data);
        let verdict = self.model.pull_balance(coin, by, to);
        self.hold(&call, verdict).map(drop)
    }
}
