//! Collateral, what is slashed of it, and its payout: the vault's rules.

use alloy::primitives::{Address, B256, LogData, U256};
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::CollateralVault::{self as Vault, Slash};

use super::faults::Faults;
use super::refusal::{Caused, Refused};
use super::state::{License, Payout, ReferenceModel, Status};
use super::units::{BPS, BURN, MAX_96, share, time40};
use crate::agreed::Coin;

/// Somebody has a payout paid to another account than its payee's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redirection {
    /// Who asks for it.
    pub(crate) by: Address,
    /// Who is to get it.
    pub(crate) to: Address,
}

/// How much is slashed, and who gets which part of it.
pub(crate) type Slashing = Slash;

/// A slashed amount and the parts of it that go to people; the rest is burned.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlashSplit {
    pub(super) slashed: u128,
    pub(super) to_reporter: u128,
    pub(super) to_owner: u128,
}

impl SlashSplit {
    /// What a slash of this license now comes to.
    pub(super) fn of(license: &License, how: &Slashing) -> Self {
        let slashed = share(license.collateral, how.bps);
        Self {
            slashed,
            to_reporter: share(slashed, how.reporterBps),
            to_owner: share(slashed, how.ownerBps),
        }
    }
}

/// A round that was sealed before somebody reported the same license.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EarlierSeal {
    /// The license that both accuse.
    pub(crate) license: B256,
    /// Time of the seal.
    pub(crate) before: u64,
}

impl Faults {
    fn vault_host(&mut self, reference: &abi::LicenseRef, by: Address) {
        let host = reference.host;
        self.unless(by == host, Vault::CollateralVault_OnlyHost { host, caller: by });
    }

    fn vault_judge(&mut self, model: &ReferenceModel, by: Address) {
        self.unless(model.judges(by), Vault::CollateralVault_OnlyJudges { caller: by });
    }
}

impl ReferenceModel {
    /// `topUp`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn top_up(
        &mut self,
        reference: &abi::LicenseRef,
        by: Address,
        amount: u128,
        value: u128,
    ) -> Caused {
        let (id, at) = self.find(reference);
        let coin = Coin::of(reference.terms.currency);
        let known = at.map(|at| &self.licenses[at]).filter(|l| l.status != Status::Cancelled);
        let mut faults = Faults::default();
        faults.unless(amount != 0, Vault::CollateralVault_NoAmount {});
        faults.unless(known.is_some(), Vault::CollateralVault_NoSuchLicense { licenseId: id });
        let fits = known.map_or(0, |l| l.collateral).saturating_add(amount) <= MAX_96;
        faults.unless(fits, Vault::CollateralVault_TooLarge { amount });
        faults.payment(self, coin, by, amount, value);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let license = m.license(at)?;
            m.pull(license.coin, by, m.vault, amount, value)?;
            m.licenses[at].collateral += amount;
            Ok(vec![m.vault_event(&abi::CollateralVault::CollateralDeposited {
                licenseId: license.id,
                from: by,
                currency: m.currency(license.coin),
                amount,
            })])
        })
    }

    /// The vault's `startThaw`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn thaw_collateral(&mut self, reference: &abi::LicenseRef, by: Address) -> Caused {
        let (id, at) = self.find(reference);
        let known = at.map(|at| &self.licenses[at]);
        let ended = known.is_some_and(|license| match license.status {
            Status::Terminated => true,
            Status::Active => self.time > license.deadline,
            _ => false,
        });
        let mut faults = Faults::default();
        faults.vault_host(reference, by);
        faults.unless(ended, Vault::CollateralVault_LicenseNotEnded { licenseId: id });
        let thaw_end = time40(known.map_or(0, |license| license.thaw_end));
        let again = Vault::CollateralVault_AlreadyThawing { licenseId: id, thawEnd: thaw_end };
        faults.unless(thaw_end.is_zero(), again);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        let license = self.license(at)?;
        let thaw_end = self.time + license.reference.terms.thawPeriod.to::<u64>();
        self.licenses[at].thaw_end = thaw_end;
        Ok(vec![self.vault_event(&abi::CollateralVault::ThawStarted {
            licenseId: license.id,
            thawEnd: time40(thaw_end),
        })])
    }

    /// The vault's `withdraw`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn withdraw_collateral(
        &mut self,
        reference: &abi::LicenseRef,
        by: Address,
    ) -> Caused {
        let (id, at) = self.find(reference);
        let known = at.map(|at| &self.licenses[at]);
        let mut faults = Faults::default();
        faults.vault_host(reference, by);
        let thaw_end = known.map_or(0, |license| license.thaw_end);
        let thawed = thaw_end != 0 && self.time >= thaw_end;
        let early = Vault::CollateralVault_NotThawed { licenseId: id, thawEnd: time40(thaw_end) };
        faults.unless(thawed, early);
        let something = known.is_some_and(|license| license.collateral != 0);
        faults.unless(something, Vault::CollateralVault_NothingToWithdraw { licenseId: id });
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let license = m.license(at)?;
            m.licenses[at].collateral = 0;
            m.pay(license.coin, m.vault, by, license.collateral)?;
            Ok(vec![m.vault_event(&abi::CollateralVault::CollateralWithdrawn {
                licenseId: license.id,
                to: by,
                currency: m.currency(license.coin),
                amount: license.collateral,
            })])
        })
    }

    /// `slash` by a contract that decides, whose parts add up to no more than the whole.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn slash(
        &mut self,
        reference: &abi::LicenseRef,
        by: Address,
        how: &Slashing,
    ) -> Caused {
        let Slash { bps, reporter, .. } = *how;
        let mut faults = Faults::default();
        faults.vault_judge(self, by);
        faults.unless(u128::from(bps) <= BPS, Vault::CollateralVault_BadBps { bps });
        faults.unless(!reporter.is_zero(), Vault::CollateralVault_NoReporter {});
        faults.none()?;
        let at = self.find(reference).1.ok_or(Refused::ANY)?;
        self.atomically(|m| {
            let license = m.license(at)?;
            let parts = SlashSplit::of(&license, how);
            let SlashSplit { slashed, to_reporter, to_owner } = parts;
            let burned = slashed - to_reporter - to_owner;
            m.licenses[at].collateral -= slashed;
            m.pay(license.coin, m.vault, BURN, burned)?;
            let mut events = vec![m.vault_event(&abi::CollateralVault::CollateralSlashed {
                licenseId: license.id,
                amount: slashed,
                toReporter: to_reporter,
                toOwner: to_owner,
                burned,
            })];
            let committed = how.committedAt.to::<u64>();
            let report = (committed != 0).then_some((license.id, committed));
            let owner = license.reference.terms.owner;
            for (to, amount, report) in [(reporter, to_reporter, report), (owner, to_owner, None)] {
                if amount != 0 {
                    let unlock = m.time + how.payoutDelay.to::<u64>();
                    events.push(m.queue(Payout { to, coin: license.coin, amount, unlock, report }));
                }
            }
            Ok(events)
        })
    }

    fn queue(&mut self, payout: Payout) -> (Address, LogData) {
        let event = Vault::PayoutQueued {
            payoutId: U256::from(self.payouts.len()),
            to: payout.to,
            currency: self.currency(payout.coin),
            amount: payout.amount,
            unlockAt: time40(payout.unlock),
        };
        self.payouts.push(payout);
        self.vault_event(&event)
    }

    /// `redirect`: what a proof's reporter is to get goes to who had sealed a round before.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn redirect(
        &mut self,
        by: Address,
        id: usize,
        seal: &EarlierSeal,
        to: Address,
    ) -> Caused {
        let number = U256::from(id);
        let mut faults = Faults::default();
        faults.unless(by == self.rounds, Vault::CollateralVault_OnlyRounds { caller: by });
        let known = self.payouts.get(id);
        faults.unless(known.is_some(), Vault::CollateralVault_UnknownPayout { payoutId: number });
        // Only a report that came after the seal, only once, and not when it is paid.
        let later = |payout: &Payout| {
            payout.amount != 0
                && payout.report.is_some_and(|(of, made)| of == seal.license && made > seal.before)
        };
        let not = Vault::CollateralVault_NotRedirectable { payoutId: number };
        faults.unless(known.is_some_and(later), not);
        faults.none()?;
        let payout = self.payouts.get_mut(id).ok_or(Refused::ANY)?;
        let from = std::mem::replace(&mut payout.to, to);
        payout.report = None;
        Ok(vec![self.vault_event(&Vault::PayoutRedirected { payoutId: number, from, to })])
    }

    /// `payOut`, or `payOutTo` where the payee `by` names another receiver.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn pay_out(&mut self, id: usize, elsewhere: Option<Redirection>) -> Caused {
        let number = U256::from(id);
        let known = self.payouts.get(id).filter(|payout| payout.amount != 0);
        let mut faults = Faults::default();
        faults.unless(known.is_some(), Vault::CollateralVault_UnknownPayout { payoutId: number });
        let unlock = known.map_or(0, |payout| payout.unlock);
        let locked =
            Vault::CollateralVault_PayoutLocked { payoutId: number, unlockAt: time40(unlock) };
        faults.unless(self.time >= unlock, locked);
        if let Some(Redirection { by, to }) = elsewhere {
            // A payout that was paid still has its payee.
            let payee = self.payouts.get(id).map_or(Address::ZERO, |payout| payout.to);
            let stranger = Vault::CollateralVault_OnlyPayee { payee, caller: by };
            faults.unless(by == payee, stranger);
            let nobody = [Address::ZERO, self.escrow, self.vault].contains(&to);
            faults.unless(!nobody, Vault::CollateralVault_BadRecipient { to });
        }
        faults.none()?;
        self.atomically(|m| {
            let payout = m.payouts.get(id).cloned().ok_or(Refused::ANY)?;
            let to = elsewhere.map_or(payout.to, |elsewhere| elsewhere.to);
            m.payouts[id].amount = 0;
            m.pay(payout.coin, m.vault, to, payout.amount)?;
            Ok(vec![m.vault_event(&abi::CollateralVault::PayoutPaid {
                payoutId: U256::from(id),
                to,
                currency: m.currency(payout.coin),
                amount: payout.amount,
            })])
        })
    }
}
