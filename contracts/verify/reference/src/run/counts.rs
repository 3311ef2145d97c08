//! How often what was reached: a comparison that never gets far shows little.

use std::collections::BTreeMap;
use std::fmt;

use alloy::primitives::{Address, B256, LogData};
use alloy::sol_types::SolError;
use oml_contracts::rpc::abi::{
    Beacon, CollateralVault, LicenseRegistry, PaymentEscrow, Proofs, ProverRegistry, Rounds,
};

use crate::model::{
    Currency_NoBalance, Currency_PullRefused, Currency_PushRefused, Currency_WrongAmountReceived,
    Currency_WrongValue, Openings_BadProof, Openings_MalformedLeaf, Openings_WrongLength,
    Terms_BadSeats, Terms_NoPrice, Terms_SlashSplitTooHigh, Terms_ThawShorterThanRound,
    Terms_UnknownEpoch,
};
use crate::wallets::WalletCode;

/// Something that a call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Both did what the call asks for.
    Accepted(&'static str),
    /// Both refused the call; the selector of the bytecode's reason.
    Refused(&'static str, [u8; 4]),
    /// Both caused the event of this first topic.
    Emitted(B256),
    /// Something that a sequence has come to, in words.
    Seen(&'static str),
    /// A voucher for which an account with code was to answer, and whether it was taken.
    Signed(WalletCode, bool),
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(call) => write!(f, "{call}"),
            Self::Refused(call, selector) => match error_name(*selector) {
                Some(name) => write!(f, "{call} refused: {name}"),
                None => write!(f, "{call} refused: {}", alloy::hex::encode_prefixed(selector)),
            },
            Self::Emitted(topic) => match event_name(topic.0) {
                Some(name) => write!(f, "event {name}"),
                None => write!(f, "event {topic}"),
            },
            Self::Seen(what) => write!(f, "seen: {what}"),
            Self::Signed(code, true) => write!(f, "voucher taken, code: {code:?}"),
            Self::Signed(code, false) => write!(f, "voucher not taken, code: {code:?}"),
        }
    }
}

fn error_name(selector: [u8; 4]) -> Option<&'static str> {
    let of_libraries = [
        (Currency_WrongValue::SELECTOR, "Currency_WrongValue"),
        (Terms_UnknownEpoch::SELECTOR, "Terms_UnknownEpoch"),
        (Currency_PullRefused::SELECTOR, "Currency_PullRefused"),
        (Currency_PushRefused::SELECTOR, "Currency_PushRefused"),
        (Currency_NoBalance::SELECTOR, "Currency_NoBalance"),
        (Currency_WrongAmountReceived::SELECTOR, "Currency_WrongAmountReceived"),
        (Openings_BadProof::SELECTOR, "Openings_BadProof"),
        (Openings_MalformedLeaf::SELECTOR, "Openings_MalformedLeaf"),
        (Openings_WrongLength::SELECTOR, "Openings_WrongLength"),
        (Terms_BadSeats::SELECTOR, "Terms_BadSeats"),
        (Terms_NoPrice::SELECTOR, "Terms_NoPrice"),
        (Terms_SlashSplitTooHigh::SELECTOR, "Terms_SlashSplitTooHigh"),
        (Terms_ThawShorterThanRound::SELECTOR, "Terms_ThawShorterThanRound"),
        ([0; 4], "without a word"),
    ];
    if let Some((_, name)) = of_libraries.iter().find(|(known, _)| *known == selector) {
        return Some(name);
    }
    Proofs::ProofsErrors::name_by_selector(selector)
        .or_else(|| CollateralVault::CollateralVaultErrors::name_by_selector(selector))
        .or_else(|| LicenseRegistry::LicenseRegistryErrors::name_by_selector(selector))
        .or_else(|| PaymentEscrow::PaymentEscrowErrors::name_by_selector(selector))
        .or_else(|| Beacon::BeaconErrors::name_by_selector(selector))
        .or_else(|| ProverRegistry::ProverRegistryErrors::name_by_selector(selector))
        .or_else(|| Rounds::RoundsErrors::name_by_selector(selector))
}

fn event_name(topic: [u8; 32]) -> Option<&'static str> {
    Proofs::ProofsEvents::name_by_selector(topic)
        .or_else(|| CollateralVault::CollateralVaultEvents::name_by_selector(topic))
        .or_else(|| LicenseRegistry::LicenseRegistryEvents::name_by_selector(topic))
        .or_else(|| PaymentEscrow::PaymentEscrowEvents::name_by_selector(topic))
        .or_else(|| Beacon::BeaconEvents::name_by_selector(topic))
        .or_else(|| ProverRegistry::ProverRegistryEvents::name_by_selector(topic))
        .or_else(|| Rounds::RoundsEvents::name_by_selector(topic))
}

/// What a run has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Calls that were made on both sides.
    pub calls: u64,
    /// Of these, accepted by both.
    pub accepted: u64,
    /// Events that both sides caused alike.
    pub events: u64,
    /// How often what was reached.
    pub reached: BTreeMap<Reached, u64>,
}

impl CallCounts {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.accepted += other.accepted;
        self.events += other.events;
        for (reached, times) in &other.reached {
            *self.reached.entry(*reached).or_default() += times;
        }
    }

    pub(super) fn saw(&mut self, what: &'static str) {
        self.reach(Reached::Seen(what));
    }

    pub(super) fn reach(&mut self, reached: Reached) {
        *self.reached.entry(reached).or_default() += 1;
    }

    pub(super) fn accepted(&mut self, call: &'static str, logs: &[(Address, LogData)]) {
        self.accepted += 1;
        self.events += logs.len() as u64;
        self.reach(Reached::Accepted(call));
        for topic in logs.iter().filter_map(|(_, log)| log.topics().first()) {
            self.reach(Reached::Emitted(*topic));
        }
    }

    pub(super) fn refused(&mut self, call: &'static str, reason: &[u8]) {
        let selector = reason.first_chunk::<4>().copied().unwrap_or_default();
        self.reach(Reached::Refused(call, selector));
    }
}
