//! Collateral, what is slashed of it, and its payout: the vault's rules.

use alloy::primitives::{Address, U256};
use oml_contracts::rpc::abi;

use super::{BPS, BURN, MAX_96, Model, Payout, Refused, Status, Verdict, require, share, time40};

impl Model {
    /// `topUp`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn top_up(&mut self, at: usize, by: Address, amount: u128, value: u128) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            require(amount != 0 && license.status != Status::Cancelled)?;
            require(license.collateral.saturating_add(amount) <= MAX_96)?;
            m.pull(license.native, by, m.vault, amount, value)?;
            m.licenses[at].collateral += amount;
            Ok(vec![m.vault_event(&abi::CollateralVault::CollateralDeposited {
                licenseId: license.id,
                from: by,
                currency: m.currency(license.native),
                amount,
            })])
        })
    }

    /// The vault's `startThaw`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn thaw_collateral(&mut self, at: usize, by: Address) -> Verdict {
        let license = self.license(at)?;
        let ended = match license.status {
            Status::Terminated => true,
            Status::Active => self.time > license.deadline,
            _ => false,
        };
        require(by == license.reference.host && ended && license.thaw_end == 0)?;
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
    /// [`super::Refused`].
    pub fn withdraw_collateral(&mut self, at: usize, by: Address) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            require(by == license.reference.host && license.freezes == 0)?;
            require(license.thaw_end != 0 && m.time >= license.thaw_end)?;
            require(license.collateral != 0)?;
            m.licenses[at].collateral = 0;
            m.pay(license.native, m.vault, by, license.collateral)?;
            Ok(vec![m.vault_event(&abi::CollateralVault::CollateralWithdrawn {
                licenseId: license.id,
                to: by,
                currency: m.currency(license.native),
                amount: license.collateral,
            })])
        })
    }

    /// `freeze` or `unfreeze`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn freeze(&mut self, at: usize, by: Address, on: bool) -> Verdict {
        let license = self.license(at)?;
        require(by == self.manager)?;
        require(if on { license.collateral != 0 } else { license.freezes != 0 })?;
        let freezes = if on { license.freezes + 1 } else { license.freezes - 1 };
        self.licenses[at].freezes = freezes;
        let license_id = license.id;
        Ok(vec![if on {
            self.vault_event(&abi::CollateralVault::CollateralFrozen {
                licenseId: license_id,
                freezes,
            })
        } else {
            self.vault_event(&abi::CollateralVault::CollateralUnfrozen {
                licenseId: license_id,
                freezes,
            })
        }])
    }

    /// `slash`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn slash(
        &mut self,
        at: usize,
        by: Address,
        bps: u16,
        reporter: Address,
        delay: u64,
    ) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            require(by == m.manager && u128::from(bps) <= BPS && !reporter.is_zero())?;
            let terms = &license.reference.terms;
            let slashed = share(license.collateral, bps);
            let to_reporter = share(slashed, terms.slash.reporterBps);
            let to_owner = share(slashed, terms.slash.ownerBps);
            let burned = slashed - to_reporter - to_owner;
            m.licenses[at].collateral -= slashed;
            m.pay(license.native, m.vault, BURN, burned)?;
            let mut events = vec![m.vault_event(&abi::CollateralVault::CollateralSlashed {
                licenseId: license.id,
                amount: slashed,
                toReporter: to_reporter,
                toOwner: to_owner,
                burned,
            })];
            for (to, amount) in [(reporter, to_reporter), (terms.owner, to_owner)] {
                if amount == 0 {
                    continue;
                }
                let unlock = m.time + delay;
                m.payouts.push(Payout { to, native: license.native, amount, unlock });
                events.push(m.vault_event(&abi::CollateralVault::PayoutQueued {
                    payoutId: U256::from(m.payouts.len() - 1),
                    to,
                    currency: m.currency(license.native),
                    amount,
                    unlockAt: time40(unlock),
                }));
            }
            Ok(events)
        })
    }

    /// `payOut`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn pay_out(&mut self, id: usize) -> Verdict {
        self.atomically(|m| {
            let payout = m.payouts.get(id).cloned().ok_or(Refused::ANY)?;
            require(payout.amount != 0 && m.time >= payout.unlock)?;
            m.payouts[id].amount = 0;
            m.pay(payout.native, m.vault, payout.to, payout.amount)?;
            Ok(vec![m.vault_event(&abi::CollateralVault::PayoutPaid {
                payoutId: U256::from(id),
                to: payout.to,
                currency: m.currency(payout.native),
                amount: payout.amount,
            })])
        })
    }
}
