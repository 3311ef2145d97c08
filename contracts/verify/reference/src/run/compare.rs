//! Wallets, balances, collateral, channels, payouts, reports: all of them, at the end of a
//! sequence.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi;

use super::difference::Difference;
use super::world::World;
use crate::agreed::Coin;
use crate::model::{BURN, License, UniverseState};

const BOTH: [Coin; 2] = [Coin::Token, Coin::Native];

impl World {
    /// Wallets, balances, collateral, channels: all of them.
    pub(super) fn compare_all(&mut self) -> Result<(), Difference> {
        self.compare_wallets()?;
        if self.desk.is_some() {
            self.compare_reports()?;
        }
        for ((coin, account), amount) in self.model.balances.clone() {
            let currency = if coin.is_native() { Address::ZERO } else { self.model.token };
            let call = abi::PaymentEscrow::balanceOfCall { currency, account };
            let found = self.chain.read(self.model.escrow, &call)?;
            same(&format!("balance of {account}"), U256::from(amount), found)?;
        }
        for universe in self.model.universes.clone().into_values() {
            self.compare_universe(&universe)?;
        }
        for license in self.model.licenses.clone() {
            self.compare_license(&license)?;
            self.compare_deployments(&license)?;
            let call = abi::LicenseRegistry::servingKeysCall { licenseId: license.id };
            let found = self.chain.read(self.model.registry, &call)?;
            let what = format!("keys of {}", license.id);
            same(&what, U256::from(license.keys.len()), U256::from(found.len()))?;
            for (expected, found) in license.keys.iter().zip(&found) {
                let word = |key: &abi::ServingKey| U256::from_be_bytes(digest(key).0);
                same(&what, word(expected), word(found))?;
            }
        }
        self.compare_payouts()?;
        self.compare_channels()
    }

    fn compare_license(&mut self, license: &License) -> Result<(), Difference> {
        let call = abi::CollateralVault::collateralCall { r#ref: license.reference.clone() };
        let found = self.chain.read(self.model.vault, &call)?;
        let what = format!("collateral of {}", license.id);
        same(&what, U256::from(license.collateral), U256::from(found.amount))?;
        same(&what, U256::from(license.thaw_end), U256::from(found.thawEnd))?;
        let call = abi::LicenseRegistry::licenseCall { licenseId: license.id };
        let found = self.chain.read(self.model.registry, &call)?;
        let what = format!("license {}", license.id);
        same(&what, U256::from(license.deadline), U256::from(found.deadline))?;
        let status = license.status as u8 + 1;
        same(&what, U256::from(status), U256::from(found.status as u8))?;
        let (root, _) = license.accepted.unwrap_or_default();
        same(&what, root.into(), found.sealedRoot.into())?;
        same(&what, U256::from(license.due_fee != 0), U256::from(found.feeDue))?;
        let trial_end = if license.trial_fee == 0 { 0 } else { license.trial_end };
        same(&what, U256::from(trial_end), U256::from(found.trialEnd))?;
        same(&what, license.cases.root.into(), found.casesRoot.into())?;
        same(&what, U256::from(license.cases.at), U256::from(found.casesAt))
    }

    fn compare_deployments(&mut self, license: &License) -> Result<(), Difference> {
        for (hash, deployment) in &license.deployments {
            let call = abi::LicenseRegistry::deploymentCall {
                licenseId: license.id,
                deploymentHash: *hash,
            };
            let found = self.chain.read(self.model.registry, &call)?;
            let what = format!("deployment {hash} of {}", license.id);
            same(&what, U256::from(deployment.since), U256::from(found.registeredAt))?;
            same(&what, U256::from(deployment.until), U256::from(found.liableUntil))?;
        }
        Ok(())
    }

    fn compare_universe(&mut self, universe: &UniverseState) -> Result<(), Difference> {
        let (model, epoch) = (universe.model, universe.epoch);
        let call = abi::LicenseRegistry::universeCall { modelId: model, epoch };
        let found = self.chain.read(self.model.registry, &call)?;
        let seed = universe.seed.unwrap_or_default();
        same("licenses", U256::from(universe.licenses), U256::from(found.licenses))?;
        let burned = universe.burned.len();
        same("burned bundles", U256::from(burned), U256::from(found.burnedBundles))?;
        same("model seed", seed.into(), found.seed.into())?;
        for bundle in 0..universe.personal / BUNDLE_LEAVES {
            let call = abi::LicenseRegistry::burnedOnCall { modelId: model, epoch, bundle };
            let found = self.chain.read(self.model.registry, &call)?;
            let day = universe.burned.get(&bundle).copied().unwrap_or_default();
            same("day of a burned bundle", U256::from(day), U256::from(found))?;
        }
        Ok(())
    }

    fn compare_payouts(&mut self) -> Result<(), Difference> {
        let count = self.chain.read(self.model.vault, &abi::CollateralVault::payoutCountCall {})?;
        same("payouts", U256::from(self.model.payouts.len()), count)?;
        for (id, payout) in self.model.payouts.clone().into_iter().enumerate() {
            let call = abi::CollateralVault::payoutCall { payoutId: U256::from(id) };
            let found = self.chain.read(self.model.vault, &call)?;
            let what = format!("payout {id}");
            let word = |account: Address| U256::from_be_bytes(account.into_word().0);
            same(&what, word(payout.to), word(found.to))?;
            same(&what, U256::from(payout.amount), U256::from(found.amount))?;
            same(&what, U256::from(payout.unlock), U256::from(found.unlockAt))?;
        }
        Ok(())
    }

    fn compare_reports(&mut self) -> Result<(), Difference> {
        for ((reporter, commitment), time) in self.model.desk.commitments.clone() {
            let call = abi::Proofs::reportCommittedAtCall { reporter, commitment };
            let found = self.chain.read(self.model.proofs, &call)?;
            same(&format!("report {commitment}"), U256::from(time), U256::from(found))?;
        }
        Ok(())
    }

    fn compare_channels(&mut self) -> Result<(), Difference> {
        for channel in self.model.channels.clone() {
            let call = abi::PaymentEscrow::channelCall { channelId: channel.id };
            let found = self.chain.read(self.model.escrow, &call)?;
            let what = format!("channel {}", channel.id);
            same(&what, U256::from(channel.deposited), U256::from(found.deposited))?;
            same(&what, U256::from(channel.claimed), U256::from(found.claimed))?;
            same(&what, U256::from(channel.thaw_end), U256::from(found.thawEnd))?;
            let status = 1 + u8::from(channel.closed);
            same(&what, U256::from(status), U256::from(found.status as u8))?;
            let call = abi::PaymentEscrow::declaredCall { channelId: channel.id };
            let declared = channel.claimed.max(channel.reserved);
            let found = self.chain.read(self.model.escrow, &call)?;
            same(&what, U256::from(declared), U256::from(found))?;
        }
        Ok(())
    }

    fn compare_wallets(&mut self) -> Result<(), Difference> {
        let mut people = vec![
            self.people.owner,
            self.people.parent,
            self.people.stranger,
            BURN,
            Address::repeat_byte(7),
        ];
        people.extend([self.model.vault, self.model.escrow, self.model.registry]);
        people.extend([self.model.proofs, self.model.rounds]);
        people.extend(self.people.hosts.iter().chain(&self.people.payers));
        for account in people {
            for coin in BOTH {
                let expected = self.model.wallets.get(&(coin, account)).copied();
                let found = self.chain.balance(coin, account)?;
                let what = format!("wallet of {account} in {coin:?}");
                same(&what, U256::from(expected.unwrap_or_default()), found)?;
            }
        }
        Ok(())
    }
}

/// All fields of a key as one word.
fn digest(key: &abi::ServingKey) -> B256 {
    keccak256(key.abi_encode())
}

pub(super) fn same(what: &str, expected: U256, found: U256) -> Result<(), Difference> {
    if expected == found {
        return Ok(());
    }
    Err(Difference::Balance { what: what.to_owned(), expected, found })
}
