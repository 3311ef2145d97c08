//! Who has what: licenses, channels, fingerprints and reports, as plain data.
//!
//! The rules are written upon it in the other files of this folder.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, LogData, U256, keccak256};
use alloy::sol_types::{SolEvent, SolValue};
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::Proofs::Config;

use super::court::Court;
use super::refusal::{Caused, Refused};
use super::seating::Tickets;
use crate::agreed::{CHAIN_ID, Coin};
use crate::wallets::WalletCode;

/// Names the fingerprints of one epoch of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UniverseId {
    /// The model's id.
    pub(crate) model: B256,
    /// Counts the universes of the model from 0.
    pub(crate) epoch: u32,
}

/// How many fingerprints the parts of a universe have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartSizes {
    /// Fingerprints whose answer is drawn for each license.
    pub(crate) personal: u32,
    /// Fingerprints whose answer is drawn for the model.
    pub(crate) shared: u32,
}

/// The fingerprints of one epoch of a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct UniverseState {
    /// Id of the model.
    pub(crate) model: B256,
    /// Counts the universes of the model from 0.
    pub(crate) epoch: u32,
    /// Root of the leaves.
    pub(crate) root: B256,
    /// Fingerprints whose answer is drawn for each license.
    pub(crate) personal: u32,
    /// Fingerprints whose answer is drawn for the model.
    pub(crate) shared: u32,
    /// Beacon round of the model's seed.
    pub(crate) round: u64,
    /// The model's seed, once drawn.
    pub(crate) seed: Option<B256>,
    /// Licenses ever activated.
    pub(crate) licenses: u32,
    /// Bundles that were opened, with the day since 1970.
    pub(crate) burned: BTreeMap<u32, u16>,
}

/// A deployment for which its host answers, or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// Since when without a gap.
    pub(crate) since: u64,
    /// End of that: a thaw after it is retired, and never before.
    pub(crate) until: u64,
}

/// The words under which a license can be tested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cases {
    /// Root of the words, zero before.
    pub(crate) root: B256,
    /// When it was committed.
    pub(crate) at: u64,
}

/// Life cycle of a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Bought, its seed not drawn yet.
    Acquired,
    /// Its seed is drawn.
    Seeded,
    /// Its sealed copy was accepted.
    Accepted,
    /// Its copy can be read.
    Active,
    /// Ended before its term was over.
    Terminated,
    /// Never delivered, refunded.
    Cancelled,
}

/// A license with its collateral.
#[derive(Debug, Clone)]
pub(crate) struct License {
    /// Terms, host, nonce.
    pub(crate) reference: abi::LicenseRef,
    /// Id by its formula.
    pub(crate) id: B256,
    /// What fee, collateral and channels are paid in.
    pub(crate) coin: Coin,
    /// Where it stands in its life.
    pub(crate) status: Status,
    /// End of delivery, then of the term.
    pub(crate) deadline: u64,
    /// Beacon round of the seed.
    pub(crate) round: u64,
    /// What the vault holds of its host's collateral.
    pub(crate) collateral: u128,
    /// Fee that the vault holds for a copy that can't be read yet.
    pub(crate) held_fee: u128,
    /// Fee that its owner has earned and not fetched.
    pub(crate) due_fee: u128,
    /// Fee on trial.
    pub(crate) trial_fee: u128,
    /// End of the trial, 0 if there is none.
    pub(crate) trial_end: u64,
    /// End of the thaw, 0 before.
    pub(crate) thaw_end: u64,
    /// Decides its copy's answers, once drawn.
    pub(crate) seed: B256,
    /// Sign its receipts, by epoch.
    pub(crate) keys: Vec<abi::ServingKey>,
    /// Root and hash of the key that its host accepted.
    pub(crate) accepted: Option<(B256, B256)>,
    /// Whether its copy could ever be read.
    pub(crate) delivered: bool,
    /// Round of whose value nobody knew then, 0 where the terms do not ask.
    pub(crate) activation_round: u64,
    /// What its owner has committed to.
    pub(crate) cases: Cases,
    /// Deployments by the hash of their URI.
    pub(crate) deployments: BTreeMap<B256, Deployment>,
    /// Every claim: when, and how much.
    pub(crate) claims: Vec<(u64, u128)>,
}

/// A payer's channel.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    /// Place of its license.
    pub(crate) license: usize,
    /// Id by its formula.
    pub(crate) id: B256,
    /// The account that pays.
    pub(crate) payer: Address,
    /// Session signer, zero for the payer.
    pub(crate) signer: Address,
    /// Tells channels of one payer apart.
    pub(crate) salt: B256,
    /// Paid in, less what was taken back.
    pub(crate) deposited: u128,
    /// What the host has claimed so far.
    pub(crate) claimed: u128,
    /// What the host has declared without claiming it yet.
    pub(crate) reserved: u128,
    /// End of the thaw, 0 while not thawing.
    pub(crate) thaw_end: u64,
    /// Whether the payer has left or the host has closed it.
    pub(crate) closed: bool,
}

/// A queued payout.
#[derive(Debug, Clone)]
pub(crate) struct Payout {
    pub(crate) to: Address,
    pub(crate) coin: Coin,
    pub(crate) amount: u128,
    pub(crate) unlock: u64,
    /// The accused license and the time of the commitment, of a proof's reporter.
    pub(crate) report: Option<(B256, u64)>,
}

/// One row of a claim with what makes it good or bad.
#[derive(Debug, Clone)]
pub(crate) struct JudgedRow {
    /// Channel it is for; `None` for one that does not exist.
    pub(crate) channel: Option<usize>,
    /// Id of that channel.
    pub(crate) channel_id: B256,
    /// All that the voucher promises.
    pub(crate) amount: u128,
    /// Requests that it counts.
    pub(crate) requests: u64,
    /// Tokens that it counts.
    pub(crate) tokens: u64,
    /// What it brings as its signature.
    pub(crate) signature: SignatureFacts,
}

/// Names a channel.
#[derive(Debug, Clone)]
pub(crate) struct NamedChannel {
    /// The license that the channel pays for.
    pub(crate) license: abi::LicenseRef,
    /// The account that pays.
    pub(crate) payer: Address,
    /// Session signer, zero for the payer.
    pub(crate) signer: Address,
    /// Tells channels of one payer apart.
    pub(crate) salt: B256,
}

/// A signature over what it comes with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SignatureFacts {
    /// The account of the key that made it, zero for none.
    pub(crate) key: Address,
    /// Whether it is what [`Code::Password`] asks for.
    pub(crate) password: bool,
}

/// Everything that the contract of proofs decides over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk {
    /// What was fixed at the deployment.
    pub(crate) config: Config,
    /// Time of commitments that were not used, by reporter.
    pub(crate) commitments: BTreeMap<(Address, B256), u64>,
    /// Violations that were punished.
    pub(crate) punished: BTreeSet<B256>,
}

/// All money, who has what.
#[derive(Debug, Clone)]
pub(crate) struct ReferenceModel {
    /// Addresses of the contracts: they emit events and hold money.
    pub(crate) registry: Address,
    /// Holds collateral and payouts.
    pub(crate) vault: Address,
    /// Holds channels and balances.
    pub(crate) escrow: Address,
    /// Keeps the values of rounds.
    pub(crate) beacon: Address,
    /// The one ERC-20 token that offers use.
    pub(crate) token: Address,
    /// Decides over proofs, and slashes.
    pub(crate) proofs: Address,
    /// Slashes, too, burns bundles, and redirects what reporters get.
    pub(crate) rounds: Address,
    /// Seconds from the seal of a round to its last opening.
    pub(crate) round_length: u64,
    /// Chain time in seconds.
    pub(crate) time: u64,
    /// Block in which the next operation runs.
    pub(crate) block: u64,
    /// Beacon rounds whose values are on chain.
    pub(crate) brought: BTreeSet<u64>,
    /// What accounts with code say of signatures.
    pub(crate) codes: BTreeMap<Address, WalletCode>,
    /// Ids of the offers that can be bought.
    pub(crate) offers: BTreeSet<B256>,
    /// Every license ever bought, in order.
    pub(crate) licenses: Vec<License>,
    /// Every channel ever opened, in order.
    pub(crate) channels: Vec<Channel>,
    /// Every payout ever queued, by its number.
    pub(crate) payouts: Vec<Payout>,
    /// Escrow balances by coin and account.
    pub(crate) balances: BTreeMap<(Coin, Address), u128>,
    /// What everybody, contracts too, has by coin and account.
    pub(crate) wallets: BTreeMap<(Coin, Address), u128>,
    /// Who registered which model.
    pub(crate) owners: BTreeMap<B256, Address>,
    /// Fingerprints by model and epoch.
    pub(crate) universes: BTreeMap<UniverseId, UniverseState>,
    /// Reports and what they have led to.
    pub(crate) desk: Desk,
    /// Provers and their stake.
    pub(crate) tickets: Tickets,
    /// Rounds and what they have found.
    pub(crate) court: Court,
}

impl ReferenceModel {
    pub(crate) fn pay(
        &mut self,
        coin: Coin,
        from: Address,
        to: Address,
        amount: u128,
    ) -> Result<(), Refused> {
        let purse = self.wallets.entry((coin, from)).or_default();
        *purse = purse.checked_sub(amount).ok_or(Refused::ANY)?;
        *self.wallets.entry((coin, to)).or_default() += amount;
        Ok(())
    }

    pub(crate) fn has(&self, coin: Coin, account: Address, amount: u128) -> bool {
        self.wallets.get(&(coin, account)).copied().unwrap_or_default() >= amount
    }

    /// Takes `amount` from `from`; native currency must come with the call, exactly.
    pub(crate) fn pull(
        &mut self,
        coin: Coin,
        from: Address,
        to: Address,
        amount: u128,
        value: u128,
    ) -> Result<(), Refused> {
        if value != if coin.is_native() { amount } else { 0 } {
            return Err(Refused::ANY);
        }
        self.pay(coin, from, to, amount)
    }

    /// Runs `operation` on a copy, so that a refusal leaves nothing behind.
    pub(crate) fn atomically(&mut self, operation: impl FnOnce(&mut Self) -> Caused) -> Caused {
        let mut next = self.clone();
        let events = operation(&mut next)?;
        *self = next;
        Ok(events)
    }

    pub(crate) fn registry_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.registry, event.encode_log_data())
    }

    pub(crate) fn vault_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.vault, event.encode_log_data())
    }

    pub(crate) fn escrow_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.escrow, event.encode_log_data())
    }

    pub(crate) fn proofs_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.proofs, event.encode_log_data())
    }

    pub(crate) fn rounds_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.rounds, event.encode_log_data())
    }

    pub(crate) fn tickets_event(&self, event: &impl SolEvent) -> (Address, LogData) {
        (self.tickets.address, event.encode_log_data())
    }

    /// Whether the caller may convict.
    pub(crate) fn judges(&self, by: Address) -> bool {
        by == self.proofs || by == self.rounds
    }

    pub(crate) fn currency(&self, coin: Coin) -> Address {
        match coin {
            Coin::Native => Address::ZERO,
            Coin::Token => self.token,
            Coin::Stake => self.tickets.token,
        }
    }

    pub(crate) fn license(&self, at: usize) -> Result<License, Refused> {
        self.licenses.get(at).cloned().ok_or(Refused::ANY)
    }

    /// Offer id by its formula.
    #[must_use]
    pub(crate) fn offer_id(&self, terms: &abi::Terms) -> B256 {
        keccak256((U256::from(CHAIN_ID), self.registry, terms.clone()).abi_encode_params())
    }

    /// License id by its formula.
    #[must_use]
    pub(crate) fn license_id(&self, reference: &abi::LicenseRef) -> B256 {
        let offer = self.offer_id(&reference.terms);
        keccak256((offer, reference.host, U256::from(reference.nonce)).abi_encode_params())
    }
}
