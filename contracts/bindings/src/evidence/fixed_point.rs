//! Multipliers and their logarithms in fixed point, rounded so that every error favours the
//! accused.

use std::fmt;

/// 1 in unsigned fixed point with 32 fractional bits.
pub(super) const ONE: u128 = 1 << 32;

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

/// High 128 bits and top bit below them of the 256-bit square.
pub(super) fn square(r: u128) -> (u128, bool) {
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
