//! What is kept of a license between its rounds, and when it is convicted.

use super::round::RoundBet;
use crate::evidence::{Log2, log2_ceil};

/// Bits that each index costs: log2 of what whoever knows the answers may choose from in a round.
///
/// One bit for the bet or no bet, one for each slot of the beacon that somebody may skip (2^s
/// draws), and log2 of the deployments that may be named, rounded up. All of it is due in every
/// round: an owner that knows what is left of a universe chooses anew each time, so a threshold
/// that is raised once does not pay for it (decision 023).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Premium(Log2);

impl Premium {
    /// 1 + s + log2(deployments) bits; no deployment is taken as one.
    #[must_use]
    pub fn for_choices(skippable_slots: u8, deployments: u32) -> Self {
        let named = log2_ceil(u128::from(deployments.max(1)) << 32);
        Self(Log2::new(((1 + i64::from(skippable_slots)) << 32) + named.raw()))
    }

    /// As a logarithm.
    #[must_use]
    pub const fn bits(self) -> Log2 {
        self.0
    }
}

/// Which of a license's words `p_k` sealed the round, from 0. One word seals one round, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundIndex(u8);

impl RoundIndex {
    /// Words that a license's owner commits to, so rounds that it can ever have.
    pub const COUNT: u8 = 64;

    /// The index, unless a license has none so large.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index)) } else { None }
    }

    /// How many indices are due once this one is opened.
    #[must_use]
    pub const fn due(self) -> u8 {
        self.0 + 1
    }
}

/// What a ledger must reach: log2(1/α), rounded up.
///
/// A leak round also names one of the licenses that there are now, which costs log2 of their
/// number; elsewhere that is 1, and a count of zero is taken as one.
#[must_use]
pub fn ledger_threshold(alpha_inverse: u64, licenses: u32) -> Log2 {
    let log2 = |count: u64| log2_ceil(u128::from(count.max(1)) << 32).raw();
    Log2::new(log2(alpha_inverse) + log2(licenses.into()))
}

/// What all rounds of one license are judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRules {
    /// What hits and misses are worth.
    pub bet: RoundBet,
    /// What each index costs.
    pub premium: Premium,
    /// What convicts, from [`ledger_threshold`].
    pub threshold: Log2,
}

impl LedgerRules {
    /// The bet of rounds, with a beacon of which nobody can skip a slot.
    #[must_use]
    pub fn new(alpha_inverse: u64, deployments: u32) -> Self {
        Self {
            bet: RoundBet::of_rounds(),
            premium: Premium::for_choices(0, deployments),
            threshold: ledger_threshold(alpha_inverse, 1),
        }
    }
}

/// The ledger of a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LicenseLedger {
    /// log A: gains of the opened rounds, less the premium of every index that was due.
    pub log_a: Log2,
    /// How many indices have been charged: one more than the largest that was opened.
    pub charged: u8,
    /// How many rounds were opened.
    pub opened: u8,
}

/// A ledger after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgedRound {
    /// What is kept.
    pub ledger: LicenseLedger,
    /// Whether the license is convicted; then the evidence is spent, and log A is 0, less the
    /// premium of indices that were charged and may still be opened.
    pub convicted: bool,
}

impl LicenseLedger {
    /// A ledger of which so many rounds were opened, by index and without a gap.
    #[must_use]
    pub const fn in_order(log_a: Log2, rounds: u8) -> Self {
        Self { log_a, charged: rounds, opened: rounds }
    }

    /// Opens the round of an index: charges every index up to it that was not charged before, adds
    /// the gain, and convicts if that reaches the threshold.
    ///
    /// Whoever opens one round of many pays for all that could have been opened instead, so neither
    /// order nor silence nor rounds in parallel gain anything. That an index is opened only once is
    /// for whoever keeps the seals.
    #[must_use]
    pub fn open(self, rules: &LedgerRules, index: RoundIndex, gain: Log2) -> JudgedRound {
        let due = index.due().saturating_sub(self.charged);
        let log_a = self.log_a.raw() - i64::from(due) * rules.premium.bits().raw() + gain.raw();
        let convicted = log_a >= rules.threshold.raw();
        let (charged, opened) = (self.charged.max(index.due()), self.opened.saturating_add(1));
        // What was charged and not opened can still be: without its premium it would be free tries.
        let closed = i64::from(charged.saturating_sub(opened));
        let log_a = if convicted { -closed * rules.premium.bits().raw() } else { log_a };
        JudgedRound { ledger: Self { log_a: Log2::new(log_a), charged, opened }, convicted }
    }
}
