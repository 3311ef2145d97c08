//! Probabilities as big integers over powers of two.

use std::fmt;

use num_bigint::BigUint;

/// `numerator / 2^exponent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dyadic {
    numerator: BigUint,
    exponent: u64,
}

impl Dyadic {
    /// `numerator / 2^exponent`.
    #[must_use]
    pub const fn new(numerator: BigUint, exponent: u64) -> Self {
        Self { numerator, exponent }
    }

    /// The probability of what can't happen.
    #[must_use]
    pub const fn zero() -> Self {
        Self::new(BigUint::ZERO, 0)
    }

    /// Whether this is at most `1 / inverse`, exactly.
    #[must_use]
    pub fn at_most_inverse(&self, inverse: &BigUint) -> bool {
        &self.numerator * inverse <= BigUint::from(1_u8) << self.exponent
    }

    /// The exact sum of two probabilities.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let exponent = self.exponent.max(other.exponent);
        let scaled = |x: &Self| &x.numerator << (exponent - x.exponent);
        Self::new(scaled(self) + scaled(other), exponent)
    }

    /// Whether this is larger than `other`, exactly.
    #[must_use]
    pub fn exceeds(&self, other: &Self) -> bool {
        let exponent = self.exponent.max(other.exponent);
        let scaled = |x: &Self| &x.numerator << (exponent - x.exponent);
        scaled(self) > scaled(other)
    }

    /// Nearest float, for tables.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        let bits = self.numerator.bits();
        let dropped = bits.saturating_sub(64);
        let top = u64::try_from(&self.numerator >> dropped).unwrap_or(u64::MAX);
        let power = dropped as f64 - self.exponent as f64;
        top as f64 * power.exp2()
    }
}

impl fmt::Display for Dyadic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3e}", self.to_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_exact() {
        let third_less = Dyadic::new(BigUint::from(5_u8), 4);
        assert!(third_less.at_most_inverse(&BigUint::from(3_u8)));
        assert!(!third_less.at_most_inverse(&BigUint::from(4_u8)));
        assert_eq!(third_less.to_f64(), 0.3125);
        let sum = third_less.plus(&Dyadic::new(BigUint::from(3_u8), 2));
        assert_eq!(sum.to_f64(), 1.0625);
        assert!(sum.exceeds(&third_less) && !third_less.exceeds(&sum));
        assert_eq!(Dyadic::zero().plus(&third_less), third_less);
    }
}
