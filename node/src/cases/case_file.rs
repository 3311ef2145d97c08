//! Everything a decision about a case is made from, read at one block.

use oml_contracts::leaf::BUNDLE;
use oml_contracts::{Commitment, EthAddress, ModelId};

use crate::chain::beacon::RoundStep;
use crate::chain::{CaseView, ChallengeConfig};

/// One drawn member of the committee, in the contract's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Account of the prover.
    pub address: EthAddress,
    /// Its commitment to the tags as the contract keeps it, from when it is sent until it is
    /// revealed.
    pub commitment: Option<Commitment>,
    /// Whether it has revealed.
    pub revealed: bool,
}

/// A member of the committee paid for the request of an opened fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaidQuestion {
    /// 0-based among the opened ones.
    pub fingerprint: u16,
    /// The member, as payer or signer of the voucher.
    pub member: EthAddress,
}

/// A case as the chain shows it at one block, with the parties that the license names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFile {
    /// The case itself. Its status is as stored; some transitions only happen with the next
    /// transaction.
    pub case: CaseView,
    /// Model of the accused license.
    pub model: ModelId,
    /// Universe of the accused license.
    pub epoch: u32,
    /// Owner named by the terms.
    pub owner: EthAddress,
    /// Host of the accused license.
    pub host: EthAddress,
    /// What the beacon round needs that the draw waits for; only looked at before the draw.
    pub round: RoundStep,
    /// Chain time since when the draw has been everybody's, seconds: when its round came out, where
    /// rounds have times, else when the case was opened.
    pub drawable_since: u64,
    /// Drawn committee, in order.
    pub members: Vec<Member>,
    /// What has been shown by rebuttals so far (`RequestPaid`).
    pub paid: Vec<PaidQuestion>,
    /// Rules of all cases.
    pub rules: ChallengeConfig,
}

impl CaseFile {
    /// Members needed for a case to go on: ⌈2n/3⌉ of the committee.
    #[must_use]
    pub fn quorum(&self) -> usize {
        (2 * self.members.len()).div_ceil(3)
    }

    /// Number of commitments seen.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.members.iter().filter(|m| m.commitment.is_some() || m.revealed).count()
    }

    /// Number of reveals seen.
    #[must_use]
    pub fn reveals(&self) -> usize {
        self.members.iter().filter(|m| m.revealed).count()
    }

    /// The member with this address.
    #[must_use]
    pub fn member(&self, address: &EthAddress) -> Option<&Member> {
        self.members.iter().find(|m| &m.address == address)
    }

    /// Number of fingerprints that the drawn bundles hold.
    #[must_use]
    pub fn fingerprint_count(&self) -> usize {
        self.case.bundles.len() * BUNDLE
    }

    /// Whether fingerprint `j` counts against the host: a hit that nobody has removed.
    #[must_use]
    pub fn is_standing_hit(&self, fingerprint: u16) -> bool {
        self.case.is_hit(fingerprint) && !self.case.is_removed(fingerprint)
    }
}
