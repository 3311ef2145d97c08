//! The parameter sets that this repository ships.

use oml_contracts::evidence::{EvidenceError, EvidenceTerms, Multiplier};

/// A named set.
#[derive(Debug, Clone, Copy)]
pub struct NamedTerms {
    /// Where it is used.
    pub name: &'static str,
    /// Its multipliers and error rate.
    pub terms: EvidenceTerms,
}

const ONE: u64 = 1 << 32;

/// Terms of the contracts' tests: hit 12.8 under 1/16, 3.2 under 1/4, misses as large as validity
/// allows.
#[must_use]
pub const fn contract_tests() -> EvidenceTerms {
    let (personal, shared) = (128 * ONE / 10, 32 * ONE / 10);
    EvidenceTerms {
        personal_hit: Multiplier::new(personal),
        personal_miss: Multiplier::new((16 * ONE - personal) / 15),
        shared_hit: Multiplier::new(shared),
        shared_miss: Multiplier::new((65_536 * ONE - 16_384 * shared) / 49_152),
        assignment_p: 16_384,
        alpha_inverse: 1_000_000_000,
    }
}

/// Every shipped set: that of `oml offer` and the demo, of the nodes' tests, of the provers' tests,
/// and of the contracts' tests.
///
/// # Errors
/// Never for these rates.
pub fn shipped() -> Result<Vec<NamedTerms>, EvidenceError> {
    let rates = |personal, inverse| EvidenceTerms::for_rates(personal, 0.9, 16_384, inverse);
    Ok(vec![
        NamedTerms { name: "offers and demo (0.6, 0.9)", terms: rates(0.6, 1_000_000_000)? },
        NamedTerms { name: "nodes (0.9, 0.9)", terms: rates(0.9, 1_000_000_000)? },
        NamedTerms { name: "provers (0.6, 0.9)", terms: rates(0.6, 1_000_000)? },
        NamedTerms { name: "contract tests (h 12.8, 3.2)", terms: contract_tests() },
    ])
}

/// The same multipliers at a larger error, where a simulation sees errors at all.
#[must_use]
pub const fn at(terms: EvidenceTerms, alpha_inverse: u64) -> EvidenceTerms {
    EvidenceTerms { alpha_inverse, ..terms }
}

/// Terms and numbers of observations whose false verdicts come closest to alpha, found by search:
/// where a simulation would notice a flaw first. Given are 1/alpha, the tuned hit rate and the
/// observations.
pub const SHARPEST: [(u64, f64, u32); 2] = [(100, 0.57, 8), (1000, 0.26, 48)];

/// Terms tuned to a personal hit rate.
///
/// # Errors
/// [`EvidenceError`] if the rate is not between 1/16 and 1.
pub fn tuned(rate: f64, alpha_inverse: u64) -> Result<EvidenceTerms, EvidenceError> {
    EvidenceTerms::for_rates(rate, 0.9, 16_384, alpha_inverse)
}
