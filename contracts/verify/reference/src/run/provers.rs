//! Calls of the prover registry: by provers, strangers and, where an account plays it, the
//! challenge manager.

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi::ProverRegistry;
use rand::{Rng, RngCore};

use super::compare::same;
use super::difference::Difference;
use super::units::{DAY, ETHER};
use super::world::{Call, World};

impl World {
    fn any_prover(&mut self) -> Address {
        let at = self.random.random_range(0..self.people.provers.len());
        let prover = self.people.provers[at].address();
        if self.chance(30) { self.people.stranger } else { prover }
    }

    fn stake(&mut self) -> u128 {
        match self.random.random_range(0..12_u32) {
            0 => self.model.provers.min_stake - 1,
            1 => 0,
            2 => self.model.provers.min_stake,
            _ => 100 * ETHER + u128::from(self.random.next_u64()) * 100 % (700 * ETHER),
        }
    }

    pub(super) fn register_prover(&mut self) -> Result<(), Difference> {
        let by = self.any_prover();
        self.register_as(by)
    }

    pub(super) fn register_as(&mut self, by: Address) -> Result<(), Difference> {
        let stake = self.stake();
        let value = self.value(self.model.provers.coin, stake);
        let key = if self.chance(30) { B256::ZERO } else { by.into_word() };
        let data = ProverRegistry::registerCall { stake, encryptionKey: key };
        let call = Call::new(self.model.provers.address, "register", by, value, &data);
        let verdict = self.model.register_prover(by, stake, key, value);
        self.hold(&call, verdict)?;
        self.compare_prover(by)
    }

    pub(super) fn add_stake(&mut self) -> Result<(), Difference> {
        let by = self.any_prover();
        let amount = self.stake() / 4;
        let value = self.value(self.model.provers.coin, amount);
        let data = ProverRegistry::addStakeCall { amount };
        let call = Call::new(self.model.provers.address, "addStake", by, value, &data);
        let verdict = self.model.add_stake(by, amount, value);
        self.hold(&call, verdict)?;
        self.compare_prover(by)
    }

    pub(super) fn leave_provers(&mut self) -> Result<(), Difference> {
        let thawing = self.model.provers.accounts.iter().find(|(_, p)| p.thaw_end != 0);
        let thawing = thawing.map(|(account, _)| *account);
        let by = self.any_prover();
        if self.chance(3) {
            let call = Call::new(
                self.model.provers.address,
                "startThaw (stake)",
                by,
                0,
                &ProverRegistry::startThawCall {},
            );
            let verdict = self.model.thaw_stake(by);
            self.hold(&call, verdict)?;
            return self.compare_prover(by);
        }
        let by = if self.chance(3) { by } else { thawing.unwrap_or(by) };
        let call = Call::new(
            self.model.provers.address,
            "withdraw (stake)",
            by,
            0,
            &ProverRegistry::withdrawCall {},
        );
        let verdict = self.model.withdraw_stake(by);
        self.hold(&call, verdict)?;
        self.compare_prover(by)
    }

    /// A draw by the account that plays the challenge manager, or by somebody else.
    pub(super) fn draw_committee(&mut self) -> Result<(), Difference> {
        let by = self.mostly(self.model.manager);
        let seed = B256::from(U256::from(self.random.next_u64()));
        let size = self.random.random_range(0..5_u8);
        let before = self.model.time + 1 - self.random.random_range(0..2 * DAY);
        let data = ProverRegistry::drawCommitteeCall { seed, size, before: U40::from(before) };
        let call = Call::new(self.model.provers.address, "drawCommittee", by, 0, &data);
        let verdict = self.model.draw_committee(by, seed, size, before);
        let drawn = verdict.clone().ok();
        let output = self.hold(&call, verdict.map(|_| Vec::new()))?;
        let Some(drawn) = drawn else { return Ok(()) };
        let found = Vec::<Address>::abi_decode(&output).unwrap_or_default();
        if found != drawn {
            return Err(Difference::Events {
                step: call.name.to_owned(),
                expected: format!("{drawn:?}"),
                found: format!("{found:?}"),
            });
        }
        Ok(())
    }

    /// The end of a membership; only of one that has begun, as the challenge manager does.
    pub(super) fn release(&mut self) -> Result<(), Difference> {
        let open = self.model.provers.accounts.iter().filter(|(_, p)| p.open_cases != 0);
        let members: Vec<Address> = open.map(|(account, _)| *account).collect();
        if members.is_empty() {
            return Ok(());
        }
        let who = members[self.random.random_range(0..members.len())];
        let by = self.mostly(self.model.manager);
        let case = B256::from(U256::from(self.random.next_u64()));
        let penalty = if self.chance(3) { 0 } else { self.stake() };
        let data = ProverRegistry::releaseCall { caseId: case, prover: who, penalty };
        let call = Call::new(self.model.provers.address, "release", by, 0, &data);
        let verdict = self.model.release(by, case, who, penalty);
        self.hold(&call, verdict)?;
        self.compare_prover(who)
    }

    /// What the registry keeps of a prover.
    pub(super) fn compare_prover(&mut self, account: Address) -> Result<(), Difference> {
        let call = ProverRegistry::proverCall { account };
        let found = self.chain.read(self.model.provers.address, &call)?;
        let known = self.model.provers.accounts.get(&account);
        let (stake, active, thaw, open, key) = known.map_or_else(Default::default, |p| {
            (p.stake, p.active_from, p.thaw_end, p.open_cases, p.encryption_key)
        });
        let what = format!("prover {account}");
        same(&what, U256::from(stake), U256::from(found.stake))?;
        same(&what, U256::from(active), U256::from(found.activeFrom))?;
        same(&what, U256::from(thaw), U256::from(found.thawEnd))?;
        same(&what, U256::from(open), U256::from(found.openCases))?;
        same(&what, key.into(), found.encryptionKey.into())
    }

    /// Every prover, and the list of those that can be drawn.
    pub(super) fn compare_provers(&mut self) -> Result<(), Difference> {
        let accounts: Vec<Address> = self.people.provers.iter().map(|p| p.address()).collect();
        for account in accounts {
            self.compare_prover(account)?;
        }
        let call = ProverRegistry::proversCall {};
        let mut found = self.chain.read(self.model.provers.address, &call)?;
        found.sort();
        let listed: Vec<Address> =
            self.model.provers.listed().map(|(account, _)| account).collect();
        if found != listed {
            return Err(Difference::Events {
                step: "provers".to_owned(),
                expected: format!("{listed:?}"),
                found: format!("{found:?}"),
            });
        }
        Ok(())
    }
}
