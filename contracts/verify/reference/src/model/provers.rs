//! Stakes and committees: the prover registry's rules.

use alloy::primitives::{Address, B256, LogData, U256, keccak256};
use alloy::sol_types::SolEvent;
use oml_contracts::rpc::abi::ProverRegistry as Registry;

use super::faults::Faults;
use super::logarithm::log2;
use super::refusal::{Caused, Events, Refused};
use super::state::{Prover, Provers, ReferenceModel};
use super::units::{BURN, time40};

const WAD: u64 = 1_000_000_000_000_000_000;

impl Provers {
    /// Who can be drawn.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (Address, &Prover)> {
        let listed = |prover: &&Prover| prover.thaw_end == 0 && prover.stake >= self.min_stake;
        self.accounts
            .iter()
            .map(|(account, prover)| (*account, prover))
            .filter(move |p| listed(&p.1))
    }

    /// The provers that may be drawn for a case opened at `before`, in the order in which a seed
    /// draws them.
    #[must_use]
    pub(crate) fn drawn_by(&self, seed: B256, before: u64) -> Vec<Address> {
        let covered = |p: &Prover| p.stake >= self.min_stake * (u128::from(p.open_cases) + 1);
        let eligible = self.listed().filter(|(_, p)| p.active_from < before && covered(p));
        let mut keyed: Vec<(U256, U256, Address)> = eligible
            .map(|(account, p)| (minus_log2(seed, account), U256::from(p.stake), account))
            .collect();
        // a/s < b/t without a division.
        keyed.sort_by(|(a, s, _), (b, t, _)| (*a * *t).cmp(&(*b * *s)));
        keyed.into_iter().map(|(_, _, account)| account).collect()
    }

    fn account(&self, who: Address, faults: &mut Faults) -> Option<Prover> {
        let known = self.accounts.get(&who).cloned();
        faults.unless(known.is_some(), Registry::ProverRegistry_NotRegistered { prover: who });
        known
    }

    fn event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.address, event.encode_log_data())
    }
}

/// `−log2(u) · 2^64`: the order of the keys does not depend on the base.
fn minus_log2(seed: B256, account: Address) -> U256 {
    let hash = keccak256([seed.as_slice(), account.as_slice()].concat());
    let u = U256::from_be_bytes(hash.0) % U256::from(WAD) + U256::from(1);
    log2(U256::from(WAD), 64) - log2(u, 64)
}

impl ReferenceModel {
    /// `register`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn register_prover(
        &mut self,
        by: Address,
        stake: u128,
        key: B256,
        value: u128,
    ) -> Caused {
        let provers = &self.provers;
        let (coin, minimum) = (provers.coin, provers.min_stake);
        let mut faults = Faults::default();
        let known = provers.accounts.contains_key(&by);
        faults.unless(!known, Registry::ProverRegistry_AlreadyRegistered { prover: by });
        faults.unless(!key.is_zero(), Registry::ProverRegistry_NoEncryptionKey {});
        faults.unless(stake >= minimum, Registry::ProverRegistry_StakeTooLow { stake, minimum });
        faults.payment(self, coin, by, stake, value);
        faults.none()?;
        self.pull(coin, by, self.provers.address, stake, value)?;
        let prover = Prover {
            stake,
            active_from: self.time,
            thaw_end: 0,
            open_cases: 0,
            encryption_key: key,
        };
        self.provers.accounts.insert(by, prover);
        Ok(vec![self.provers.event(&Registry::ProverRegistered {
            prover: by,
            stake,
            encryptionKey: key,
            activeFrom: time40(self.time),
        })])
    }

    /// `addStake`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn add_stake(&mut self, by: Address, amount: u128, value: u128) -> Caused {
        let coin = self.provers.coin;
        let mut faults = Faults::default();
        let thaw_end = self.provers.account(by, &mut faults).map_or(0, |prover| prover.thaw_end);
        faults.unless(amount != 0, Registry::ProverRegistry_NoAmount {});
        let thawing = Registry::ProverRegistry_Thawing { prover: by, thawEnd: time40(thaw_end) };
        faults.unless(thaw_end == 0, thawing);
        faults.payment(self, coin, by, amount, value);
        faults.none()?;
        self.pull(coin, by, self.provers.address, amount, value)?;
        let prover = self.provers.accounts.get_mut(&by).ok_or(Refused::ANY)?;
        prover.stake += amount;
        prover.active_from = self.time;
        let stake = prover.stake;
        Ok(vec![self.provers.event(&Registry::StakeAdded { prover: by, amount, stake })])
    }

    /// The prover registry's `startThaw`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn thaw_stake(&mut self, by: Address) -> Caused {
        let mut faults = Faults::default();
        let before = self.provers.account(by, &mut faults).map_or(0, |prover| prover.thaw_end);
        let thawing = Registry::ProverRegistry_Thawing { prover: by, thawEnd: time40(before) };
        faults.unless(before == 0, thawing);
        faults.none()?;
        let thaw_end = self.time + self.provers.thaw;
        self.provers.accounts.get_mut(&by).ok_or(Refused::ANY)?.thaw_end = thaw_end;
        let event = Registry::ThawStarted { prover: by, thawEnd: time40(thaw_end) };
        Ok(vec![self.provers.event(&event)])
    }

    /// The prover registry's `withdraw`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn withdraw_stake(&mut self, by: Address) -> Caused {
        let mut faults = Faults::default();
        if let Some(prover) = self.provers.account(by, &mut faults) {
            let thawed = prover.thaw_end != 0 && self.time >= prover.thaw_end;
            let thaw_end = time40(prover.thaw_end);
            let early = Registry::ProverRegistry_NotThawed { prover: by, thawEnd: thaw_end };
            faults.unless(thawed, early);
            let open = prover.open_cases;
            let held = Registry::ProverRegistry_CasesOpen { prover: by, openCases: open };
            faults.unless(open == 0, held);
        }
        faults.none()?;
        let prover = self.provers.accounts.remove(&by).ok_or(Refused::ANY)?;
        self.pay(self.provers.coin, self.provers.address, by, prover.stake)?;
        let event = Registry::StakeWithdrawn { prover: by, amount: prover.stake };
        Ok(vec![self.provers.event(&event)])
    }

    /// `drawCommittee`: the members, in their order. Causes no event.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn draw_committee(
        &mut self,
        by: Address,
        seed: B256,
        size: u8,
        before: u64,
    ) -> Result<Vec<Address>, Refused> {
        let mut faults = Faults::default();
        let stranger = Registry::ProverRegistry_NotChallengeManager { caller: by };
        faults.unless(by == self.manager, stranger);
        let mut drawn = self.provers.drawn_by(seed, before);
        let (eligible, needed) = (U256::from(drawn.len()), U256::from(size));
        let few = Registry::ProverRegistry_TooFewProvers { eligible, needed };
        faults.unless(eligible >= needed, few);
        faults.none()?;
        drawn.truncate(size.into());
        for member in &drawn {
            self.provers.accounts.get_mut(member).ok_or(Refused::ANY)?.open_cases += 1;
        }
        Ok(drawn)
    }

    /// `release`. The manager releases only whom it has drawn.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn release(
        &mut self,
        by: Address,
        case: B256,
        who: Address,
        penalty: u128,
    ) -> Caused {
        let mut faults = Faults::default();
        let stranger = Registry::ProverRegistry_NotChallengeManager { caller: by };
        faults.unless(by == self.manager, stranger);
        faults.none()?;
        let prover = self.provers.accounts.get_mut(&who).ok_or(Refused::ANY)?;
        prover.open_cases = prover.open_cases.checked_sub(1).ok_or(Refused::ANY)?;
        if penalty == 0 {
            return Ok(Events::new());
        }
        let amount = penalty.min(prover.stake);
        prover.stake -= amount;
        self.pay(self.provers.coin, self.provers.address, BURN, amount)?;
        let event = Registry::ProverPenalised { prover: who, caseId: case, amount };
        Ok(vec![self.provers.event(&event)])
    }
}
