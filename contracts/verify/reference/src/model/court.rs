//! What there is to know of rounds, and what a license's rounds add up to.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi::Rounds::{Config, RoundStatus, Sheet};

/// Rounds of one kind that a license can ever have.
pub(crate) const INDICES: u8 = 64;
/// Levels of the tree over a license's words of both kinds.
const WORD_DEPTH: usize = 7;

/// What became of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Sealed; perhaps it was not opened in time.
    Sealed,
    /// Opened, and the evidence was not enough.
    Opened,
    /// Opened, and it was.
    Convicted,
    /// Not opened in time, and a seat has asked for its fee.
    Lapsed,
}

impl Outcome {
    /// What the contract says of it.
    pub(crate) const fn status(self) -> RoundStatus {
        match self {
            Self::Sealed => RoundStatus::Sealed,
            Self::Opened => RoundStatus::Opened,
            Self::Convicted => RoundStatus::Convicted,
            Self::Lapsed => RoundStatus::Lapsed,
        }
    }
}

/// A round, whatever became of it.
#[derive(Debug, Clone)]
pub(crate) struct SealedRound {
    pub(crate) sealed_at: u64,
    /// Whose value draws seats and leaves.
    pub(crate) beacon_round: u64,
    /// Places of the array at the seal.
    pub(crate) tickets: u32,
    pub(crate) seats: u8,
    /// What of the owner's share goes to the payer, in basis points.
    pub(crate) promise: u16,
    /// Who paid for it.
    pub(crate) payer: Address,
    /// Commitment to what is tested.
    pub(crate) deployment: B256,
    pub(crate) outcome: Outcome,
    /// What was sent, in the order in which it came.
    pub(crate) sheets: Vec<Sheet>,
    /// Seats whose fee was credited.
    pub(crate) paid: BTreeSet<u8>,
    /// The license that it convicted.
    pub(crate) convicted: Option<B256>,
}

/// A round that was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenedIndex {
    /// What it adds before its premium.
    pub(crate) gain: i64,
    /// Whether a conviction has used it up, and its premium with it.
    pub(crate) spent: bool,
}

/// What all rounds of one kind say against a license.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// What was opened of it, by index.
    pub(crate) opened: BTreeMap<u8, OpenedIndex>,
}

impl Ledger {
    /// Indices that are due: up to the largest that was opened.
    pub(crate) fn charged(&self) -> u8 {
        self.opened.keys().next_back().map_or(0, |last| last + 1)
    }

    /// All gains that are not used up, less the premium of every index that is due, whether it was
    /// opened or not, and not used up.
    pub(crate) fn log(&self, premium: i64) -> i64 {
        let left = self.opened.values().filter(|opened| !opened.spent);
        let spent = self.opened.values().filter(|opened| opened.spent).count();
        let due = i64::from(self.charged()) - i64::try_from(spent).unwrap_or(i64::MAX);
        left.map(|opened| opened.gain).sum::<i64>() - due * premium
    }

    /// A conviction uses up what was opened.
    pub(super) fn spend(&mut self) {
        self.opened.values_mut().for_each(|opened| opened.spent = true);
    }
}

/// All that the contract of rounds keeps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Court {
    /// What was fixed at the deployment.
    pub(crate) config: Config,
    /// Every round that was ever sealed, by its id.
    pub(crate) rounds: BTreeMap<B256, SealedRound>,
    /// By license and whether it is that of deployments which nobody registered.
    pub(crate) ledgers: BTreeMap<(B256, bool), Ledger>,
    /// Round that found a deployment to serve somebody's copy, by the deployment's hash.
    pub(crate) flags: BTreeMap<B256, B256>,
    /// Fees that provers were credited and have not taken out.
    pub(crate) fees: BTreeMap<Address, u128>,
    /// Fees that nobody has earned or burned.
    pub(crate) unearned: u128,
}

impl SealedRound {
    /// What a seat has sent.
    pub(crate) fn sheet_of(&self, seat: u8) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.seat == seat)
    }
}

/// With it the account can seal the round of this index of a license.
#[must_use]
pub(crate) fn word_of(license: B256, index: u8, account: Address, salt: B256) -> B256 {
    let domain = keccak256("OML.round.v1");
    keccak256((domain, license, U256::from(index), account, salt).abi_encode_params())
}

/// Id of the round that an account seals with a word.
#[must_use]
pub(crate) fn round_id(word: B256, account: Address) -> B256 {
    keccak256((word, account).abi_encode_params())
}

/// What a seal says of what is tested.
#[must_use]
pub(crate) fn deployment_commitment(deployment: B256, access: B256, salt: B256) -> B256 {
    keccak256((deployment, access, salt).abi_encode_params())
}

/// Whether a word stands at its place under a license's root.
pub(super) fn is_under(root: B256, word: B256, index: u8, proof: &[B256]) -> bool {
    let inside = index < 2 * INDICES && proof.len() == WORD_DEPTH;
    let mut place = index;
    let top = proof.iter().fold(word, |node, sibling| {
        let (left, right) =
            if place.is_multiple_of(2) { (node, *sibling) } else { (*sibling, node) };
        place /= 2;
        keccak256([left.0, right.0].concat())
    });
    inside && top == root
}

/// Seats that are struck: three fifths, in a demo of four one.
pub(crate) const fn struck(seats: usize) -> usize {
    if seats == 4 { 1 } else { seats * 3 / 5 }
}

/// Hits that count: those of the seats that are left without the ones that have most.
pub(super) fn kept_hits(hits: &[u8]) -> u32 {
    let mut ascending = hits.to_vec();
    ascending.sort_unstable();
    let left = hits.len() - struck(hits.len());
    ascending.into_iter().take(left).map(u32::from).sum()
}

/// Hash of the keys of a seat's leaves.
#[must_use]
pub(crate) fn keys_hash(keys: &[B256]) -> B256 {
    keccak256(keys.concat())
}
