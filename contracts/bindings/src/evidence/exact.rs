//! The e-value in exact arithmetic: no logarithms, only products of integers.
//!
//! Nothing decides by it; what does is held against it.

use num_bigint::BigUint;

use super::offer::EvidenceTerms;
use super::value::EvidenceCounts;

/// Whether `h^hits · m^misses · … ≥ factor`, exactly.
#[must_use]
pub fn reaches(terms: &EvidenceTerms, counts: EvidenceCounts, factor: &BigUint) -> bool {
    let product = product(terms, counts);
    product.numerator >= factor << product.bits
}

/// Evidence as a fraction of a power of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactProduct {
    /// The evidence times `2^bits`.
    pub numerator: BigUint,
    /// 32 for each observation, since multipliers have 32 fractional bits.
    pub bits: u64,
}

/// The evidence, exactly.
#[must_use]
pub fn product(terms: &EvidenceTerms, counts: EvidenceCounts) -> ExactProduct {
    let factors = [
        (terms.personal_hit, counts.personal_hits),
        (terms.personal_miss, counts.personal_misses),
        (terms.shared_hit, counts.shared_inside),
        (terms.shared_miss, counts.shared_outside),
    ];
    let powers = factors.map(|(multiplier, count)| BigUint::from(multiplier.raw()).pow(count));
    ExactProduct {
        numerator: powers.into_iter().product(),
        bits: factors.iter().map(|(_, count)| 32 * u64::from(*count)).sum(),
    }
}

/// `floor(2^k · log2(x))` of an integer, from the length of `x^(2^k)`.
#[must_use]
pub fn scaled_log2(x: u128, k: u32) -> u64 {
    BigUint::from(x).pow(1 << k).bits() - 1
}
