//! Multipliers and error rate of a judge, and which of them bound the error.

use std::fmt;

use super::fixed_point::{Multiplier, ONE};
use crate::draw::SHARED_ASSIGNMENT;

/// Why evidence terms bound no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not h > 1 > m > 0.
    #[error(
        "{part} multipliers {hit} and {miss} (32 fractional bits) do not satisfy hit > 2^32 > miss > 0"
    )]
    Order {
        /// `personal` or `shared`.
        part: &'static str,
        /// Multiplier of a hit.
        hit: u64,
        /// Multiplier of a miss.
        miss: u64,
    },
    /// The mean under innocence is above 1.
    #[error(
        "{part} multipliers {hit} and {miss} (32 fractional bits) have a mean above 1 for an innocent host; lower one of them"
    )]
    MeanAboveOne {
        /// `personal` or `shared`.
        part: &'static str,
        /// Multiplier of a hit.
        hit: u64,
        /// Multiplier of a miss.
        miss: u64,
    },
    /// No shared fingerprint would ever be assigned.
    #[error(
        "assignmentP is 0, so no license would carry a shared fingerprint; 16,384 is one in four"
    )]
    NoAssignment,
    /// Error rate of 1 or more.
    #[error("alphaInverse {0} bounds no error; it must be at least 2, 1,000,000,000,000 is usual")]
    AlphaInverse(u64),
    /// A hit rate that gives no evidence.
    #[error(
        "a hit rate of {rate} can't be told from chance ({chance}); it must lie between {chance} and 1"
    )]
    HitRate {
        /// Hit rate in thousandths.
        rate: Milli,
        /// Rate of an innocent host.
        chance: Milli,
    },
}

/// Thousandths, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Milli(pub u32);

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// Multipliers and error rate of a judge off chain. The contracts know one bet, that of
/// [`Self::of`], and no shared part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvidenceTerms {
    /// Of a hit of the personal part, which an innocent host scores with probability 1/16 at most.
    pub personal_hit: Multiplier,
    /// Of a miss of the personal part.
    pub personal_miss: Multiplier,
    /// Of an observed shared hit inside the license's assignment.
    pub shared_hit: Multiplier,
    /// Of an observed shared hit outside of it.
    pub shared_miss: Multiplier,
    /// Probability, in 1/65,536, that a license carries a given shared fingerprint.
    pub assignment_p: u16,
    /// 1/alpha: how many innocent licenses stand against one that is found guilty.
    pub alpha_inverse: u64,
}

impl EvidenceTerms {
    /// The contracts' bet (`EValue.sol`: h = 6.4, m = 0.64), and for the shared part multipliers
    /// tuned to copies that keep nine of ten answers.
    #[must_use]
    pub const fn of(alpha_inverse: u64) -> Self {
        Self {
            personal_hit: Multiplier::new(27_487_790_694),
            personal_miss: Multiplier::new(2_748_779_069),
            shared_hit: Multiplier::new(15_461_882_265),
            shared_miss: Multiplier::new(572_662_306),
            assignment_p: SHARED_ASSIGNMENT,
            alpha_inverse,
        }
    }

    /// The multipliers that gather evidence fastest against copies that hit at `personal_rate`, and
    /// whose shared hits lie inside the assignment at `shared_rate`.
    ///
    /// h = p₁/p₀ and m = (1−p₁)/(1−p₀), both rounded down.
    ///
    /// # Errors
    /// [`EvidenceError`] if a rate is not between chance and 1, or the other numbers are invalid.
    pub fn for_rates(
        personal_rate: f64,
        shared_rate: f64,
        assignment_p: u16,
        alpha_inverse: u64,
    ) -> Result<Self, EvidenceError> {
        let (personal_hit, personal_miss) = multipliers(personal_rate, 1.0 / 16.0)?;
        let (shared_hit, shared_miss) =
            multipliers(shared_rate, f64::from(assignment_p) / 65_536.0)?;
        let terms = Self {
            personal_hit,
            personal_miss,
            shared_hit,
            shared_miss,
            assignment_p,
            alpha_inverse,
        };
        terms.validate()?;
        Ok(terms)
    }

    /// Whether these terms bound the error by alpha, exactly as the contract checks it.
    ///
    /// # Errors
    /// The first [`EvidenceError`].
    pub fn validate(&self) -> Result<(), EvidenceError> {
        check_pair("personal", self.personal_hit, self.personal_miss, 1, 16)?;
        if self.assignment_p == 0 {
            return Err(EvidenceError::NoAssignment);
        }
        check_pair("shared", self.shared_hit, self.shared_miss, self.assignment_p.into(), 65_536)?;
        if self.alpha_inverse < 2 {
            return Err(EvidenceError::AlphaInverse(self.alpha_inverse));
        }
        Ok(())
    }
}

fn multipliers(rate: f64, chance: f64) -> Result<(Multiplier, Multiplier), EvidenceError> {
    let pair = (
        Multiplier::from_f64_floor(rate / chance),
        Multiplier::from_f64_floor((1.0 - rate) / (1.0 - chance)),
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only for the message"
    )]
    let milli = |value: f64| Milli((value.clamp(0.0, 1000.0) * 1000.0) as u32);
    match pair {
        (Some(hit), Some(miss)) if chance > 0.0 && rate > chance && rate < 1.0 => Ok((hit, miss)),
        _ => Err(EvidenceError::HitRate { rate: milli(rate), chance: milli(chance) }),
    }
}

/// p·h + (scale−p)·m ≤ scale·2^32, with h > 2^32 > m > 0.
pub(crate) fn check_pair(
    part: &'static str,
    hit: Multiplier,
    miss: Multiplier,
    p: u128,
    scale: u128,
) -> Result<(), EvidenceError> {
    let (h, m) = (u128::from(hit.raw()), u128::from(miss.raw()));
    if !(h > ONE && ONE > m && m > 0) {
        return Err(EvidenceError::Order { part, hit: hit.raw(), miss: miss.raw() });
    }
    if p * h + (scale - p) * m > scale * ONE {
        return Err(EvidenceError::MeanAboveOne { part, hit: hit.raw(), miss: miss.raw() });
    }
    Ok(())
}
