//! Calls and events of rounds, in this crate's types.

use alloy::primitives::B256;

use super::abi;
use super::abi::Rounds;
use crate::address::EthAddress;
use crate::bundle::ProvenBundle;
use crate::evidence::Log2;
use crate::ids::{DeploymentHash, KeysHash, LicenseId, RoundId};
use crate::ledger::{LicenseLedger, SheetHits};
use crate::round::{SeatIndex, SheetChain, SheetTags};

/// What a seat has sent, as `SheetSent` announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentSheet {
    /// Round that the sheet is of.
    pub round: RoundId,
    /// Seat that sent it, from 0.
    pub seat: SeatIndex,
    /// Who sits there.
    pub prover: EthAddress,
    /// Hash of the keys that it asked.
    pub keys: KeysHash,
    /// Tags of the answers.
    pub tags: SheetTags,
}

impl From<&Rounds::SheetSent> for SentSheet {
    fn from(event: &Rounds::SheetSent) -> Self {
        Self {
            round: event.roundId.into(),
            seat: SeatIndex(event.seat),
            prover: event.prover.into(),
            keys: event.keysHash.into(),
            tags: SheetTags::from_word(event.tags.0),
        }
    }
}

impl From<&SentSheet> for Rounds::Sheet {
    fn from(sheet: &SentSheet) -> Self {
        Self {
            seat: sheet.seat.0,
            prover: sheet.prover.into(),
            keysHash: sheet.keys.into(),
            tags: sheet.tags.word().into(),
        }
    }
}

/// The chain of these sheets, which the contract must have too if nothing is left out.
#[must_use]
pub fn chain_of<'a>(sheets: impl IntoIterator<Item = &'a SentSheet>) -> SheetChain {
    sheets.into_iter().fold(SheetChain::default(), |chain, sheet| {
        chain.linked(sheet.seat, sheet.prover, sheet.keys, &sheet.tags)
    })
}

/// What the opening of a round found, as `RoundOpened` announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundFinding {
    /// Round that was opened.
    pub round: RoundId,
    /// Whom it was about.
    pub license: LicenseId,
    /// What was tested.
    pub deployment: DeploymentHash,
    /// The word that sealed it.
    pub index: u8,
    /// Hits of each seat; seats that the round does not have are zeros.
    pub hits: [SheetHits; 32],
    /// Hits of the seats that were not struck.
    pub kept: u16,
    /// What it added before its premium.
    pub gain: Log2,
    /// log A as it was held against the threshold.
    pub log_a: Log2,
    /// What the ledger has to reach to convict.
    pub threshold: Log2,
    /// Whether it did.
    pub convicted: bool,
}

impl From<&Rounds::RoundOpened> for RoundFinding {
    fn from(event: &Rounds::RoundOpened) -> Self {
        Self {
            round: event.roundId.into(),
            license: event.licenseId.into(),
            deployment: event.deploymentHash.into(),
            index: event.index,
            hits: event.hits.0.map(SheetHits::new),
            kept: event.kept,
            gain: Log2::new(event.gain),
            log_a: Log2::new(event.logA),
            threshold: Log2::new(event.threshold),
            convicted: event.convicted,
        }
    }
}

impl From<Rounds::Ledger> for LicenseLedger {
    fn from(ledger: Rounds::Ledger) -> Self {
        Self {
            log_a: Log2::new(ledger.logA),
            charged: ledger.charged,
            // At most 64 bits are set.
            opened: u8::try_from(ledger.opened.count_ones()).unwrap_or(u8::MAX),
        }
    }
}

impl From<&ProvenBundle> for abi::OpenedBundle {
    fn from(bundle: &ProvenBundle) -> Self {
        Self {
            leaves: bundle
                .leaves
                .iter()
                .map(|leaf| abi::OpenedLeaf {
                    salt: leaf.salt.into(),
                    keyHash: leaf.key_hash.into(),
                    tags: leaf.tags.words().map(B256::from),
                })
                .collect(),
            siblings: bundle.siblings.iter().map(B256::from).collect(),
        }
    }
}

/// A bundle that stays closed.
#[must_use]
pub const fn closed_bundle() -> abi::OpenedBundle {
    abi::OpenedBundle { leaves: Vec::new(), siblings: Vec::new() }
}
