//! Money: amounts that know their currency, from the chain to the printed line.

mod currency;
mod text;

pub use currency::{Currency, native_currency};

use crate::error::{FailureKind, Result, fail};
use alloy::primitives::U256;
use oml_contracts::Amount;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use std::fmt;

/// An amount of a currency.
///
/// For people it is `1,050 USDC`. In JSON it is the same number as text, with the smallest units
/// beside it: `{"amount":"1050","symbol":"USDC","raw":"1050000000","currency":"0x…","decimals":6}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    units: U256,
    currency: Currency,
}

/// A number of smallest units, as contracts count them: in 128 or in 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units(U256);

impl From<u128> for Units {
    fn from(units: u128) -> Self {
        Self(U256::from(units))
    }
}

impl From<U256> for Units {
    fn from(units: U256) -> Self {
        Self(units)
    }
}

impl Money {
    /// The number of smallest units.
    #[must_use]
    pub const fn units(&self) -> U256 {
        self.units
    }

    /// The amount as the protocol's formats hold it.
    ///
    /// # Errors
    /// It is not below 2^128.
    pub fn amount(&self) -> Result<Amount> {
        self.units.try_into().map(Amount::new).map_err(|_| {
            fail(
                format!("{self} is not below 2^128 smallest units, so no contract takes it"),
                "use a smaller amount",
                FailureKind::Failed,
            )
        })
    }

    /// The currency that the amount is in.
    #[must_use]
    pub const fn currency(&self) -> &Currency {
        &self.currency
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.units.is_zero()
    }

    /// The amount as a decimal number without separators and without the symbol: `1050.5`.
    #[must_use]
    pub fn decimal(&self) -> String {
        text::show(self.units, self.currency.decimals())
    }

    /// The amount for people without the symbol: `1,050.5`.
    #[must_use]
    pub fn bare(&self) -> String {
        text::grouped(&self.decimal())
    }

    /// The same currency, another number of smallest units.
    #[must_use]
    pub fn with_units(&self, units: impl Into<Units>) -> Self {
        self.currency.units(units)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.bare(), self.currency.symbol()))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Money", 5)?;
        fields.serialize_field("amount", &self.decimal())?;
        fields.serialize_field("symbol", self.currency.symbol())?;
        fields.serialize_field("raw", &self.units.to_string())?;
        fields.serialize_field("currency", &self.currency.address())?;
        fields.serialize_field("decimals", &self.currency.decimals())?;
        fields.end()
    }
}

/// Reads an amount that has decimals but no currency.
///
/// # Errors
/// Not a number, too many decimals, or above 2^128.
pub(crate) fn parse_plain(typed: &str, decimals: u8) -> Result<Amount> {
    text::parse(typed.trim(), decimals).map(Amount::new).map_err(|why| {
        let hint = format!("write e.g. 1.5 (at most {decimals} decimals)");
        fail(format!("{typed:?} is not an amount: {why}"), hint, FailureKind::Failed)
    })
}

/// Shows an amount that has decimals but no currency.
pub(crate) fn show_plain(amount: Amount, decimals: u8) -> String {
    text::show(U256::from(amount.get()), decimals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::EthAddress;

    #[test]
    fn people_read_symbols_and_programs_read_raw_units() {
        let usdc = Currency::new(EthAddress::new([7; 20]), "USDC", 6);
        let money = usdc.units(1_050_000_000_u128);
        assert_eq!(money.to_string(), "1,050 USDC");
        let json = serde_json::to_string(&money).unwrap();
        let currency = "0x0707070707070707070707070707070707070707";
        let expected = format!(
            r#"{{"amount":"1050","symbol":"USDC","raw":"1050000000","currency":"{currency}","decimals":6}}"#
        );
        assert_eq!(json, expected);
    }

    /// Above 2^64 the JSON of amounts once made the program panic after it had sent money.
    #[test]
    fn amounts_up_to_256_bits_are_text() {
        let eth = native_currency(1);
        let shown = |units: U256| {
            let value = serde_json::to_value(eth.units(units)).unwrap();
            value["raw"].as_str().unwrap().to_owned()
        };
        assert_eq!(shown(U256::from(u64::MAX) + U256::from(1)), "18446744073709551616");
        assert_eq!(shown(U256::from(u128::MAX)), u128::MAX.to_string());
        assert_eq!(shown(U256::MAX), U256::MAX.to_string());
        assert_eq!(eth.units(1_500_000_000_000_000_000_u128).to_string(), "1.5 ETH");
    }
}
