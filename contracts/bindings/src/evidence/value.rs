//! The evidence against one license, and how much of it a verdict needs.

use super::fixed_point::{Log2, Multiplier, log2_ceil, log2_floor};
use super::offer::{EvidenceError, EvidenceTerms};

/// Evidence that a judge off chain asks for: log2 of 1/alpha · cases · licenses. Rounds have a
/// ledger instead.
///
/// The counts pay for choosing: judging many cases, or naming the likeliest of many licenses. A
/// count of zero is taken as one.
#[must_use]
pub fn threshold(alpha_inverse: u64, cases: u32, licenses: u32) -> Log2 {
    let log2 = |n: u64| log2_ceil(u128::from(n.max(1)) << 32).raw();
    Log2::new(log2(alpha_inverse) + log2(cases.into()) + log2(licenses.into()))
}

/// What was observed of a deployment, fingerprint by fingerprint.
///
/// Fingerprints of the shared part that were not hit say nothing and are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EvidenceCounts {
    /// Personal fingerprints that were answered as the license's copy answers.
    pub personal_hits: u32,
    /// Personal fingerprints that were answered otherwise, or not at all.
    pub personal_misses: u32,
    /// Shared fingerprints that were hit and that the license's copy carries.
    pub shared_inside: u32,
    /// Shared fingerprints that were hit although the license's copy does not carry them.
    pub shared_outside: u32,
}

/// Evidence against one license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EValue {
    /// Logarithms of the multipliers, in the order of the counts.
    log2s: [Log2; 4],
    counts: EvidenceCounts,
}

impl EValue {
    /// No evidence yet.
    ///
    /// # Errors
    /// [`EvidenceError`] if the terms bound no error.
    pub fn new(terms: &EvidenceTerms) -> Result<Self, EvidenceError> {
        terms.validate()?;
        let log2 = |multiplier: Multiplier| log2_floor(multiplier.raw().into());
        let multipliers =
            [terms.personal_hit, terms.personal_miss, terms.shared_hit, terms.shared_miss];
        Ok(Self { log2s: multipliers.map(log2), counts: EvidenceCounts::default() })
    }

    /// The evidence of these observations alone.
    #[must_use]
    pub const fn with(self, counts: EvidenceCounts) -> Self {
        Self { counts, ..self }
    }

    /// Logarithm of the evidence, never above the true one.
    #[must_use]
    pub fn log2(&self) -> Log2 {
        let EvidenceCounts { personal_hits, personal_misses, shared_inside, shared_outside } =
            self.counts;
        let counts = [personal_hits, personal_misses, shared_inside, shared_outside];
        let product = |(count, log2): (u32, Log2)| i128::from(count) * i128::from(log2.raw());
        let sum: i128 = counts.into_iter().zip(self.log2s).map(product).sum();
        let clamped = sum.clamp(i64::MIN.into(), i64::MAX.into());
        Log2::new(i64::try_from(clamped).unwrap_or(i64::MIN))
    }

    /// Whether the evidence suffices.
    #[must_use]
    pub fn reaches(&self, threshold: Log2) -> bool {
        self.log2() >= threshold
    }
}
