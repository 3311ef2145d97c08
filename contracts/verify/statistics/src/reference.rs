//! The e-value in exact arithmetic: no logarithms, only products of integers.

use num_bigint::BigUint;
use oml_contracts::evidence::EvidenceTerms;

/// Observations of one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Hits and misses of the personal part.
    pub personal: (u32, u32),
    /// Shared hits inside and outside the assignment.
    pub shared: (u32, u32),
}

/// Whether `h^hits · m^misses · … ≥ factor`, exactly; multipliers have 32 fractional bits.
#[must_use]
pub fn reaches(terms: &EvidenceTerms, counts: Counts, factor: &BigUint) -> bool {
    let (evidence, bits) = evidence(terms, counts);
    evidence >= factor << bits
}

/// The evidence as `numerator / 2^bits`.
#[must_use]
pub fn evidence(terms: &EvidenceTerms, counts: Counts) -> (BigUint, u64) {
    let (personal, shared) = (counts.personal, counts.shared);
    let product = BigUint::from(terms.personal_hit.raw()).pow(personal.0)
        * BigUint::from(terms.personal_miss.raw()).pow(personal.1)
        * BigUint::from(terms.shared_hit.raw()).pow(shared.0)
        * BigUint::from(terms.shared_miss.raw()).pow(shared.1);
    let n =
        u64::from(personal.0) + u64::from(personal.1) + u64::from(shared.0) + u64::from(shared.1);
    (product, 32 * n)
}

/// `floor(2^k · log2(x))` of an integer, from the length of `x^(2^k)`.
#[must_use]
pub fn scaled_log2(x: u128, k: u32) -> u64 {
    BigUint::from(x).pow(1 << k).bits() - 1
}
