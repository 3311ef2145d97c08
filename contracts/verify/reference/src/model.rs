//! The money of the protocol as plain state and rules, written from `docs/` and the interfaces, not from the code.
//!
//! Every operation either refuses, and nothing has happened, or returns the events that it must cause.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, LogData, U256, keccak256};
use alloy::sol_types::{SolEvent, SolValue};
use oml_contracts::rpc::abi;

use crate::evm::CHAIN_ID;

mod accusations;
mod answers;
mod channels;
mod collateral;
mod copies;
mod court;
mod faults;
mod leaves;
mod licenses;
mod logarithm;
mod proofs;
mod provers;
mod signatures;
mod universe;
mod verdict;

pub use accusations::Report;
pub use copies::Series;
pub use court::{Case, Court, Word, quorum};
pub use faults::{Currency_WrongValue, Terms_UnknownEpoch, TransferFromFailed};
pub use leaves::{candidate, is_assigned, leaf_hash};
pub use proofs::{Proof, Signed};
pub use provers::{Prover, Provers};
pub use signatures::{CODES, Code, Signature};
pub use universe::{BUNDLE, Universe, UniverseId, universe_of};
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
    /// What its host accepted, zero before.
    pub artefact: B256,
    /// Round of whose value nobody knew then, 0 where the terms do not ask.
    pub activation_round: u64,
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
    /// What it brings as its signature.
    pub signature: Signature,
}

/// Names a channel.
#[derive(Debug, Clone)]
pub struct ChannelRef {
    /// Its license.
    pub license: abi::LicenseRef,
    /// Who pays.
    pub payer: Address,
    /// Session signer, zero for the payer.
    pub signer: Address,
    /// Salt.
    pub salt: B256,
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
    /// What accounts with code say of signatures.
    pub codes: BTreeMap<Address, Code>,
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
    /// Staked provers.
    pub provers: Provers,
    /// Who registered which model.
    pub owners: BTreeMap<B256, Address>,
    /// Fingerprints by model and epoch.
    pub universes: BTreeMap<UniverseId, Universe>,
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
        if value != if native { amount } else { 0 } {
            return Err(Refused::ANY);
        }
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
}
