//! Licenses from the purchase to their end, and their fees: the license registry's rules.

use std::collections::BTreeMap;

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, LogData, keccak256};
use oml_contracts::rpc::abi;

use super::{License, MAX_TERM, Model, Status, Verdict, require, share, time40};
use crate::evm::block_hash;

impl Model {
    /// `acquire`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn acquire(
        &mut self,
        reference: &abi::LicenseRef,
        serving: Address,
        value: u128,
    ) -> Verdict {
        self.atomically(|m| {
            let terms = &reference.terms;
            let native = terms.currency.is_zero();
            let id = m.license_id(reference);
            require(m.offers.contains(&m.offer_id(terms)) && !serving.is_zero())?;
            require(m.licenses.iter().all(|license| license.id != id))?;
            let (fee, collateral) = (terms.licenseFee, terms.collateral);
            m.pull(native, reference.host, m.vault, fee + collateral, value)?;

            let deadline = m.time + terms.deliveryPeriod.to::<u64>();
            let round = m.block + 2;
            m.licenses.push(License {
                reference: reference.clone(),
                id,
                native,
                status: Status::Acquired,
                deadline,
                round,
                collateral,
                held_fee: fee,
                thaw_end: 0,
                freezes: 0,
                seed: B256::ZERO,
                serving,
                artefact: B256::ZERO,
                activation_round: 0,
                deployments: BTreeMap::new(),
            });
            let mut events = vec![
                m.registry_event(&abi::LicenseRegistry::LicenseAcquired {
                    licenseId: id,
                    offerId: m.offer_id(terms),
                    host: reference.host,
                    nonce: reference.nonce,
                    servingKey: serving,
                    seedRound: U48::from(round),
                    deliveryDeadline: time40(deadline),
                }),
                m.vault_event(&abi::CollateralVault::CollateralDeposited {
                    licenseId: id,
                    from: reference.host,
                    currency: m.currency(native),
                    amount: collateral,
                }),
            ];
            if fee != 0 {
                events.push(m.vault_event(&abi::CollateralVault::FeeHeld {
                    licenseId: id,
                    currency: m.currency(native),
                    amount: fee,
                }));
            }
            Ok(events)
        })
    }

    /// `drawLicenseSeed`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn draw_seed(&mut self, at: usize) -> Verdict {
        let license = self.license(at)?;
        require(license.status == Status::Acquired && license.round < self.block)?;
        // Without the history contract of EIP-2935 hashes are there for 256 blocks.
        if self.block - license.round > 256 {
            let round = self.block + 2;
            self.licenses[at].round = round;
            return Ok(vec![self.registry_event(&abi::LicenseRegistry::SeedRoundMoved {
                subject: license.id,
                seedRound: U48::from(round),
            })]);
        }
        let value = block_hash(license.round);
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

    /// `activate`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn activate(&mut self, at: usize, by: Address, artefact: B256) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            require(by == license.reference.host && license.status == Status::Seeded)?;
            require(!artefact.is_zero())?;
            let terms = &license.reference.terms;
            let expiry = m.time + terms.duration.to::<u64>();
            m.licenses[at].status = Status::Active;
            m.licenses[at].deadline = expiry;
            m.licenses[at].artefact = artefact;
            if terms.slash.unlicensedModelBps != 0 {
                m.licenses[at].activation_round = m.next_round();
            }
            m.universes.entry(terms.modelId).or_default().licenses += 1;
            let mut events = vec![m.registry_event(&abi::LicenseRegistry::LicenseActivated {
                licenseId: license.id,
                artefactHash: artefact,
                expiry: time40(expiry),
            })];
            if license.held_fee != 0 {
                m.licenses[at].held_fee = 0;
                m.pay(license.native, m.vault, m.escrow, license.held_fee)?;
                events.push(m.split_fee(&license, license.held_fee));
            }
            Ok(events)
        })
    }

    fn split_fee(&mut self, license: &License, fee: u128) -> (Address, LogData) {
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
            *self.balances.entry((license.native, royalty.payee)).or_default() += part;
            to_parents += part;
        }
        *self.balances.entry((license.native, terms.owner)).or_default() += amount - to_parents;
        (amount - to_parents, to_parents)
    }

    /// `renew`.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn renew(&mut self, at: usize, by: Address, value: u128) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            let offer = m.offer_id(&license.reference.terms);
            require(by == license.reference.host && m.offers.contains(&offer))?;
            require(license.status == Status::Active && m.time <= license.deadline)?;
            let expiry = license.deadline + license.reference.terms.duration.to::<u64>();
            require(expiry <= m.time + MAX_TERM)?;
            m.licenses[at].deadline = expiry;
            let fee = license.reference.terms.licenseFee;
            m.pull(license.native, license.reference.host, m.escrow, fee, value)?;
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
    /// [`super::Refused`].
    pub fn cancel(&mut self, at: usize, by: Address) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            let host = license.reference.host;
            require(by == host && m.time > license.deadline)?;
            require(matches!(license.status, Status::Acquired | Status::Seeded))?;
            let own = &mut m.licenses[at];
            own.status = Status::Cancelled;
            (own.collateral, own.held_fee) = (0, 0);
            let (collateral, fee) = (license.collateral, license.held_fee);
            m.pay(license.native, m.vault, host, collateral + fee)?;
            let mut events = vec![
                m.registry_event(&abi::LicenseRegistry::LicenseCancelled { licenseId: license.id }),
                m.vault_event(&abi::CollateralVault::CollateralWithdrawn {
                    licenseId: license.id,
                    to: host,
                    currency: m.currency(license.native),
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

    /// `terminate` by the host, `terminateFor` by the manager.
    ///
    /// # Errors
    /// [`super::Refused`].
    pub fn terminate(&mut self, at: usize, by: Address) -> Verdict {
        let license = self.license(at)?;
        require(by == license.reference.host || by == self.manager)?;
        if by == self.manager && license.status == Status::Terminated {
            return Ok(Vec::new());
        }
        require(license.status == Status::Active)?;
        let ended = license.deadline.min(self.time);
        self.licenses[at].status = Status::Terminated;
        self.licenses[at].deadline = ended;
        Ok(vec![self.registry_event(&abi::LicenseRegistry::LicenseTerminated {
            licenseId: license.id,
            endedAt: time40(ended),
        })])
    }
}
