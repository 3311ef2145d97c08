//! The money of the protocol as plain state and rules, written from `docs/` and the interfaces, not from the code.
//!
//! Every operation either refuses, and nothing has happened, or returns the events that it must cause.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::aliases::{U40, U48};
use alloy::primitives::{Address, B256, LogData, U256, keccak256};
use alloy::sol_types::{SolEvent, SolValue};
use oml_contracts::rpc::abi;

use crate::evm::{CHAIN_ID, block_hash};

mod accusations;
mod answers;
mod channels;
mod collateral;
mod court;
mod faults;
mod leaves;
mod logarithm;
mod proofs;
mod provers;
mod universe;
mod verdict;

pub use accusations::Report;
pub use court::{Case, Court, Word, quorum};
pub use faults::Currency_WrongValue;
pub use leaves::{candidate, is_assigned, leaf_hash};
pub use proofs::{Proof, Signed};
pub use provers::{Prover, Provers};
pub use universe::{BUNDLE, Universe};
pub use verdict::{Payment, Weighed, weigh};

const BPS: u128 = 10_000;
const MAX_96: u128 = (1 << 96) - 1;
const MAX_TERM: u64 = 3650 * 86_400;
/// Where burned money goes.
pub const BURN: Address = alloy::primitives::address!("000000000000000000000000000000000000dEaD");

/// The rules refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// Reverts that name a rule that is broken, the bytecode must give one of them; empty where reasons are not modelled.
    pub reasons: Vec<Vec<u8>>,
}

impl Refused {
    /// For any reason.
    pub const ANY: Self = Self { reasons: Vec::new() };
}

/// Events of a successful operation, in their order.
pub type Events = Vec<(Address, LogData)>;
type Verdict = Result<Events, Refused>;

fn require(holds: bool) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused::ANY) }
}

fn share(amount: u128, bps: u16) -> u128 {
    amount * u128::from(bps) / BPS
}

fn time40(seconds: u64) -> U40 {
    U40::from(seconds)
}

/// Life cycle of a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Bought.
    Acquired,
    /// Its seed is drawn.
    Seeded,
    /// Its copy was accepted.
    Active,
    /// Ended early.
    Terminated,
    /// Never delivered, refunded.
    Cancelled,
}

/// A license with its collateral.
#[derive(Debug, Clone)]
pub struct License {
    /// Terms, host, nonce.
    pub reference: abi::LicenseRef,
    /// Id by its formula.
    pub id: B256,
    /// Whether the currency is native.
    pub native: bool,
    /// Life cycle.
    pub status: Status,
    /// End of delivery, then of the term.
    pub deadline: u64,
    /// Beacon round of the seed.
    pub round: u64,
    /// Collateral.
    pub collateral: u128,
    /// Fee that the vault still holds.
    pub held_fee: u128,
    /// End of the thaw, 0 before.
    pub thaw_end: u64,
    /// Freezes.
    pub freezes: u16,
    /// Decides its copy's answers, once drawn.
    pub seed: B256,
    /// Signs its receipts.
    pub serving: Address,
    /// Until when the host answers for its deployments.
    pub deployments: BTreeMap<B256, u64>,
}

/// A payer's channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Place of its license.
    pub license: usize,
    /// Id by its formula.
    pub id: B256,
    /// Who pays.
    pub payer: Address,
    /// Session signer, zero for the payer.
    pub signer: Address,
    /// Salt.
    pub salt: B256,
    /// Paid in, less what was taken back.
    pub deposited: u128,
    /// Claimed.
    pub claimed: u128,
    /// Reserved.
    pub reserved: u128,
    /// End of the thaw, 0 while not thawing.
    pub thaw_end: u64,
}

/// A queued payout.
#[derive(Debug, Clone)]
pub struct Payout {
    to: Address,
    native: bool,
    amount: u128,
    unlock: u64,
}

/// One row of a claim with what makes it good or bad.
#[derive(Debug, Clone)]
pub struct Row {
    /// Channel it is for; `None` for one that does not exist.
    pub channel: Option<usize>,
    /// Id of that channel.
    pub channel_id: B256,
    /// Cumulative amount.
    pub amount: u128,
    /// Cumulative requests.
    pub requests: u64,
    /// Cumulative tokens.
    pub tokens: u64,
    /// Whether the right key signed.
    pub signed: bool,
}

/// All money, who has what.
#[derive(Debug, Clone)]
pub struct Model {
    /// Addresses of the contracts: they emit events and hold money.
    pub registry: Address,
    /// The vault.
    pub vault: Address,
    /// The escrow.
    pub escrow: Address,
    /// The token.
    pub token: Address,
    /// Who may freeze and slash.
    pub manager: Address,
    /// Now.
    pub time: u64,
    /// Block in which the next operation runs.
    pub block: u64,
    /// Open offers.
    pub offers: BTreeSet<B256>,
    /// All licenses.
    pub licenses: Vec<License>,
    /// All channels.
    pub channels: Vec<Channel>,
    /// All payouts.
    pub payouts: Vec<Payout>,
    /// Escrow balances by (native, account).
    pub balances: BTreeMap<(bool, Address), u128>,
    /// What everybody, contracts too, has by (native, account).
    pub wallets: BTreeMap<(bool, Address), u128>,
    /// Licenses ever activated.
    pub activated: u32,
    /// Staked provers.
    pub provers: Provers,
    /// Fingerprints.
    pub universe: Universe,
    /// Reports and cases.
    pub court: Court,
}

impl Model {
    fn pay(
        &mut self,
        native: bool,
        from: Address,
        to: Address,
        amount: u128,
    ) -> Result<(), Refused> {
        let purse = self.wallets.entry((native, from)).or_default();
        *purse = purse.checked_sub(amount).ok_or(Refused::ANY)?;
        *self.wallets.entry((native, to)).or_default() += amount;
        Ok(())
    }

    fn has(&self, native: bool, account: Address, amount: u128) -> bool {
        self.wallets.get(&(native, account)).copied().unwrap_or_default() >= amount
    }

    /// Takes `amount` from `from`; native currency must come with the call, exactly.
    fn pull(
        &mut self,
        native: bool,
        from: Address,
        to: Address,
        amount: u128,
        value: u128,
    ) -> Result<(), Refused> {
        require(value == if native { amount } else { 0 })?;
        self.pay(native, from, to, amount)
    }

    /// Runs `operation` on a copy, so that a refusal leaves nothing behind.
    fn atomically(&mut self, operation: impl FnOnce(&mut Self) -> Verdict) -> Verdict {
        let mut next = self.clone();
        let events = operation(&mut next)?;
        *self = next;
        Ok(events)
    }

    fn registry_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.registry, event.encode_log_data())
    }

    fn vault_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.vault, event.encode_log_data())
    }

    fn escrow_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.escrow, event.encode_log_data())
    }

    fn currency(&self, native: bool) -> Address {
        if native { Address::ZERO } else { self.token }
    }

    fn license(&self, at: usize) -> Result<License, Refused> {
        self.licenses.get(at).cloned().ok_or(Refused::ANY)
    }

    /// Offer id by its formula.
    #[must_use]
    pub fn offer_id(&self, terms: &abi::Terms) -> B256 {
        keccak256((U256::from(CHAIN_ID), self.registry, terms.clone()).abi_encode_params())
    }

    /// License id by its formula.
    #[must_use]
    pub fn license_id(&self, reference: &abi::LicenseRef) -> B256 {
        let offer = self.offer_id(&reference.terms);
        keccak256((offer, reference.host, U256::from(reference.nonce)).abi_encode_params())
    }

    // ---- Licenses

    /// `acquire`.
    ///
    /// # Errors
    /// [`Refused`].
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
    /// [`Refused`].
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
    /// [`Refused`].
    pub fn activate(&mut self, at: usize, by: Address, artefact: B256) -> Verdict {
        self.atomically(|m| {
            let license = m.license(at)?;
            require(by == license.reference.host && license.status == Status::Seeded)?;
            require(!artefact.is_zero())?;
            let expiry = m.time + license.reference.terms.duration.to::<u64>();
            m.licenses[at].status = Status::Active;
            m.licenses[at].deadline = expiry;
            m.activated += 1;
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

    fn credit_owner(&mut self, license: &License, amount: u128) -> (u128, u128) {
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
    /// [`Refused`].
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
    /// [`Refused`].
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
    /// [`Refused`].
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
