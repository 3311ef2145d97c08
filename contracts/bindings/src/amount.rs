//! Money and shares as types that do not mix.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// Amount of a currency's smallest unit (wei, or an ERC-20's base unit). `uint128` on chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u128);

/// An amount or share that can't be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The text is not a whole number below 2^128.
    #[error(
        "{0:?} is not an amount; write a whole number of the currency's smallest unit, below 2^128"
    )]
    NotANumber(String),
    /// More than 10,000 basis points.
    #[error("{0} basis points is not a share; 10,000 is the whole")]
    AboveWhole(u32),
}

impl Amount {
    /// No money at all.
    pub const ZERO: Self = Self(0);
    /// Largest amount that the contracts can hold.
    pub const MAX: Self = Self(u128::MAX);

    /// Wraps a number of smallest units.
    #[must_use]
    pub const fn new(units: u128) -> Self {
        Self(units)
    }

    /// The number of smallest units.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum, or `None` past 2^128.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Difference, zero where it would be negative.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Product with a count, or `None` past 2^128.
    #[must_use]
    pub fn checked_mul(self, count: u128) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({})", self.0)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| AmountError::NotANumber(text.chars().take(80).collect()))
    }
}

impl From<u128> for Amount {
    fn from(units: u128) -> Self {
        Self(units)
    }
}

impl From<Amount> for u128 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

// As text: JSON numbers lose precision above 2^53.
serde_as_text!(Amount);

/// A share in basis points; 10,000 is the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(transparent)]
pub struct Bps(u16);

impl Bps {
    /// A share of nothing.
    pub const ZERO: Self = Self(0);
    /// All of an amount.
    pub const WHOLE: Self = Self(10_000);

    /// A share of at most the whole.
    ///
    /// # Errors
    /// [`AmountError::AboveWhole`] above 10,000.
    pub const fn new(bps: u16) -> Result<Self, AmountError> {
        if bps > Self::WHOLE.0 { Err(AmountError::AboveWhole(bps as u32)) } else { Ok(Self(bps)) }
    }

    /// The basis points.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// This share of an amount, rounded down as the contracts do.
    #[must_use]
    pub fn of(self, amount: Amount) -> Amount {
        let bps = u128::from(self.0);
        // Split so that the product can't overflow: amount = 10,000·q + r.
        Amount(amount.0 / 10_000 * bps + amount.0 % 10_000 * bps / 10_000)
    }
}

impl fmt::Display for Bps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 100, self.0 % 100)
    }
}

impl<'de> serde::Deserialize<'de> for Bps {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u16::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_down_and_never_overflow() {
        let third = Bps::new(3_333).unwrap();
        assert_eq!(third.of(Amount::new(10)), Amount::new(3));
        assert_eq!(Bps::WHOLE.of(Amount::MAX), Amount::MAX);
        assert_eq!(Bps::ZERO.of(Amount::MAX), Amount::ZERO);
        assert_eq!(Bps::new(10_001), Err(AmountError::AboveWhole(10_001)));
    }

    #[test]
    fn amounts_are_text_in_json() {
        let json = serde_json::to_string(&Amount::MAX).unwrap();
        assert_eq!(json, "\"340282366920938463463374607431768211455\"");
        assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), Amount::MAX);
        assert!("-1".parse::<Amount>().is_err());
        assert_eq!(Amount::MAX.checked_add(Amount::new(1)), None);
        assert_eq!(Amount::ZERO.checked_sub(Amount::new(1)), None);
    }
}
