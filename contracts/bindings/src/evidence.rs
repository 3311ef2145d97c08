//! The e-value, bit for bit as the contract computes it.
//!
//! Each observation multiplies the evidence by the hit's or the miss's multiplier. A multiplier pair
//! is valid only if its mean under innocence is at most 1; then Ville's inequality gives
//! P(evidence ever reaches 1/alpha | innocent) ≤ alpha. Logarithms are rounded so that every error
//! favours the accused.

use std::fmt;

/// 1 in unsigned fixed point with 32 fractional bits.
const ONE: u128 = 1 << 32;

/// Multiplier of an e-value: unsigned fixed point with 32 fractional bits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Multiplier(u64);

impl Multiplier {
    /// Wraps the fixed-point value.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The fixed-point value.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Rounds down to fixed point; `None` unless the value is finite, not negative, and below 2^32.
    #[must_use]
    pub fn from_f64_floor(value: f64) -> Option<Self> {
        let scaled = (value * ONE as f64).floor();
        let fits = value.is_finite() && scaled >= 0.0 && scaled < u64::MAX as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "range is checked"
        )]
        fits.then_some(Self(scaled as u64))
    }
}

/// Base-2 logarithm: signed fixed point with 32 fractional bits.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Log2(i64);

impl Log2 {
    /// Wraps the fixed-point value.
    #[must_use]
    pub const fn new(raw: i64) -> Self {
        Self(raw)
    }

    /// The fixed-point value, as `int64` on chain.
    #[must_use]
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// For display and planning; decisions use the fixed-point value.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / ONE as f64
    }
}

impl fmt::Display for Log2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2^{:.2}", self.to_f64())
    }
}

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
    #[error("alphaInverse {0} bounds no error; it must be at least 2, 1,000,000,000 is usual")]
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

/// Multipliers and error rate of an offer.
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
    /// 1/alpha.
    pub alpha_inverse: u64,
}

impl EvidenceTerms {
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
fn check_pair(
    part: &'static str,
    hit: Multiplier,
    miss: Multiplier,
    p: u128,
    scale: u128,
) -> Result<(), EvidenceError> {
    let (h, m) = (u128::from(hit.0), u128::from(miss.0));
    if !(h > ONE && ONE > m && m > 0) {
        return Err(EvidenceError::Order { part, hit: hit.0, miss: miss.0 });
    }
    if p * h + (scale - p) * m > scale * ONE {
        return Err(EvidenceError::MeanAboveOne { part, hit: hit.0, miss: miss.0 });
    }
    Ok(())
}

/// High 128 bits and top bit below them of the 256-bit square.
fn square(r: u128) -> (u128, bool) {
    let (high, low) = (r >> 64, r & u128::from(u64::MAX));
    let cross = high * low;
    // (high·2^64 + low)² = high²·2^128 + cross·2^65 + low²
    let (sum, carry) = (low * low).overflowing_add(cross << 65);
    let top = high * high + (cross >> 63) + u128::from(carry);
    (top, sum >> 127 == 1)
}

/// Base-2 logarithm of a Q32 value, never above the true one.
///
/// # Panics
/// Never for `x > 0`; zero has no logarithm and gives `Log2(i64::MIN)`.
#[must_use]
pub fn log2_floor(x: u128) -> Log2 {
    if x == 0 {
        return Log2(i64::MIN);
    }
    let top_bit = x.ilog2();
    let mut r = x << (127 - top_bit);
    let mut fraction = 0_i64;
    for _ in 0..32 {
        let (top, below) = square(r);
        // r·r >> 127 has 128 or 129 bits; the 129th is the next bit of the fraction.
        let bit = top >> 127;
        r = if bit == 1 { top } else { top << 1 | u128::from(below) };
        fraction = fraction << 1 | i64::from(bit == 1);
    }
    Log2((i64::from(top_bit) - 32) * (1 << 32) + fraction)
}

/// [`log2_floor`], plus one unit in the last place unless `x` is a power of two; never below the
/// true logarithm.
#[must_use]
pub fn log2_ceil(x: u128) -> Log2 {
    let floor = log2_floor(x);
    if x.is_power_of_two() { floor } else { Log2(floor.0.saturating_add(1)) }
}

/// Evidence that the contract asks for: log2 of 1/alpha · cases · licenses.
///
/// The counts pay for choosing: opening many cases, or naming the likeliest of many licenses. A
/// count of zero is taken as one.
#[must_use]
pub fn threshold(alpha_inverse: u64, cases: u32, licenses: u32) -> Log2 {
    let log2 = |n: u64| log2_ceil(u128::from(n.max(1)) << 32).0;
    Log2(log2(alpha_inverse) + log2(cases.into()) + log2(licenses.into()))
}

/// Evidence against one license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EValue {
    personal: (i64, i64),
    shared: (i64, i64),
    /// Hits and misses, personal then shared.
    counts: [u32; 4],
}

impl EValue {
    /// No evidence yet.
    ///
    /// # Errors
    /// [`EvidenceError`] if the terms bound no error.
    pub fn new(terms: &EvidenceTerms) -> Result<Self, EvidenceError> {
        terms.validate()?;
        let log2 = |multiplier: Multiplier| log2_floor(multiplier.0.into()).0;
        Ok(Self {
            personal: (log2(terms.personal_hit), log2(terms.personal_miss)),
            shared: (log2(terms.shared_hit), log2(terms.shared_miss)),
            counts: [0; 4],
        })
    }

    /// Takes an observation of the personal part; a fingerprint without an answer is a miss.
    pub const fn personal(&mut self, hit: bool) {
        let slot = if hit { 0 } else { 1 };
        self.counts[slot] = self.counts[slot].saturating_add(1);
    }

    /// Takes an observed hit of the shared part, inside or outside the license's assignment.
    /// Fingerprints of the shared part that were not hit say nothing and are not taken.
    pub const fn shared_hit(&mut self, assigned: bool) {
        let slot = if assigned { 2 } else { 3 };
        self.counts[slot] = self.counts[slot].saturating_add(1);
    }

    /// Hits and misses of the personal part so far.
    #[must_use]
    pub const fn personal_counts(&self) -> (u32, u32) {
        (self.counts[0], self.counts[1])
    }

    /// Shared hits inside and outside the assignment so far.
    #[must_use]
    pub const fn shared_counts(&self) -> (u32, u32) {
        (self.counts[2], self.counts[3])
    }

    /// Logarithm of the evidence, never above the true one.
    #[must_use]
    pub fn log2(&self) -> Log2 {
        let [a, b, c, d] = self.counts.map(i128::from);
        let sum = a * i128::from(self.personal.0)
            + b * i128::from(self.personal.1)
            + c * i128::from(self.shared.0)
            + d * i128::from(self.shared.1);
        let clamped = sum.clamp(i64::MIN.into(), i64::MAX.into());
        Log2(i64::try_from(clamped).unwrap_or(i64::MIN))
    }

    /// Whether the evidence suffices.
    #[must_use]
    pub fn reaches(&self, threshold: Log2) -> bool {
        self.log2() >= threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::Uint;
    use proptest::prelude::*;

    type Wide = Uint<1024, 16>;

    /// Exact bounds of the fraction bits by interval squaring with 500 bits: an implementation that
    /// shares no code with the one under test. Returns (lower, upper) of floor(2^32·log2(x/2^32)).
    fn bounds(x: u128) -> (i64, i64) {
        let precision = 500_usize;
        let top = x.ilog2() as usize;
        let fraction = |round_up: bool| {
            let mut r = Wide::from(x) << (precision - top);
            let two = Wide::from(2) << precision;
            let mut bits = 0_i64;
            for _ in 0..32 {
                let exact = r * r;
                r = exact >> precision;
                if round_up && (r << precision) != exact {
                    r += Wide::from(1);
                }
                let one = r >= two;
                if one {
                    let odd = r.bit(0);
                    r >>= 1;
                    if round_up && odd {
                        r += Wide::from(1);
                    }
                }
                bits = bits << 1 | i64::from(one);
            }
            bits
        };
        let whole = (top as i64 - 32) << 32;
        (whole + fraction(false), whole + fraction(true))
    }

    #[test]
    fn logarithms_of_known_values() {
        assert_eq!(log2_floor(1 << 32), Log2(0));
        assert_eq!(log2_floor(1 << 63), Log2(31 << 32));
        assert_eq!(log2_floor(1), Log2(-32 << 32));
        assert_eq!(log2_floor(u64::MAX.into()), Log2((32 << 32) - 1));
        // k = 16, hit rate 0.6, alpha = 1e-9; multipliers rounded down before the logarithm.
        assert_eq!(log2_floor(41_231_686_041), Log2(14_014_626_058));
        assert_eq!(log2_floor(1_832_519_379), Log2(-5_277_736_091));
        assert_eq!(threshold(1_000_000_000, 1, 1), Log2(128_408_152_745));
        assert_eq!(log2_ceil(1 << 40), Log2(8 << 32));
    }

    #[test]
    fn validity_is_exact() {
        let terms = |h, m| EvidenceTerms {
            personal_hit: Multiplier(h),
            personal_miss: Multiplier(m),
            shared_hit: Multiplier(h),
            shared_miss: Multiplier(m),
            assignment_p: 4096,
            alpha_inverse: 2,
        };
        let one = 1_u64 << 32;
        // h + 15·m = 16 exactly, in both parts as 4096/65536 = 1/16.
        assert_eq!(terms(8 * one + 8, (8 * one - 8) / 15).validate(), Ok(()));
        assert!(matches!(
            terms(8 * one + 9, (8 * one - 8) / 15).validate(),
            Err(EvidenceError::MeanAboveOne { part: "personal", .. })
        ));
        assert!(terms(one, 1).validate().is_err());
        assert!(terms(2 * one, 0).validate().is_err());
        assert!(terms(u64::MAX, one - 1).validate().is_err());
        assert!(EvidenceTerms { alpha_inverse: 1, ..terms(2 * one, 1) }.validate().is_err());
        assert!(EvidenceTerms { assignment_p: 0, ..terms(2 * one, 1) }.validate().is_err());
    }

    #[test]
    fn evidence_adds_up() {
        let terms = EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000).unwrap();
        let mut evidence = EValue::new(&terms).unwrap();
        let limit = threshold(terms.alpha_inverse, 1, 1);
        for _ in 0..9 {
            evidence.personal(true);
        }
        assert!(!evidence.reaches(limit), "{}", evidence.log2());
        evidence.personal(true);
        assert!(evidence.reaches(limit), "{}", evidence.log2());
        evidence.personal(false);
        evidence.personal(false);
        assert!(evidence.reaches(limit), "10 of 12 reach 1e9");
        evidence.personal(false);
        assert!(!evidence.reaches(limit), "10 of 13 do not");
        assert_eq!(evidence.personal_counts(), (10, 3));
        let before = evidence.log2();
        evidence.shared_hit(true);
        assert!(evidence.log2() > before);
        assert_eq!(evidence.shared_counts(), (1, 0));
        assert!(EvidenceTerms::for_rates(0.05, 0.9, 16_384, 2).is_err());
        assert!(EvidenceTerms::for_rates(1.0, 0.9, 16_384, 2).is_err());
        assert!(EvidenceTerms::for_rates(f64::NAN, 0.9, 16_384, 2).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn floor_is_exact_and_ceil_is_above(x in prop_oneof![1..=u128::from(u64::MAX), 1..=u128::from(u32::MAX), 1_u128..1 << 96]) {
            let (low, high) = bounds(x);
            prop_assert_eq!(low, high, "interval arithmetic settles every bit");
            let floor = log2_floor(x).raw();
            prop_assert!(floor <= low, "never above the true value");
            prop_assert_eq!(floor, low, "and not below the floor either");
            prop_assert_eq!(log2_ceil(x).raw(), floor + i64::from(!x.is_power_of_two()));
        }

        #[test]
        fn squares_are_right(r in 1_u128 << 127..=u128::MAX) {
            let exact = Wide::from(r) * Wide::from(r);
            let (top, below) = square(r);
            prop_assert_eq!(Wide::from(top), exact >> 128);
            prop_assert_eq!(below, exact.bit(127));
        }

        #[test]
        fn rates_give_valid_terms(rate in 0.07_f64..0.999, shared in 0.3_f64..0.999) {
            prop_assert!(EvidenceTerms::for_rates(rate, shared, 16_384, 1_000_000).is_ok());
        }
    }
}
