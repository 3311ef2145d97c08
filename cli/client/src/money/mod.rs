//! Money: amounts that know their currency, from the chain to the printed line.

mod text;

use crate::error::{FailureKind, Result, fail};
use alloy::primitives::U256;
use oml_contracts::{Amount, EthAddress};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Longest symbol that is shown, in characters.
const LONGEST_SYMBOL: usize = 16;

/// Native currencies that are not called ETH, by chain id.
const NATIVE_SYMBOLS: [(u64, &str); 14] = [
    (56, "BNB"),
    (97, "tBNB"),
    (100, "xDAI"),
    (137, "POL"),
    (250, "FTM"),
    (5_000, "MNT"),
    (10_200, "xDAI"),
    (42_220, "CELO"),
    (43_113, "AVAX"),
    (43_114, "AVAX"),
    (44_787, "CELO"),
    (80_002, "POL"),
    (80_094, "BERA"),
    (146, "S"),
];

/// A currency as its chain describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    address: EthAddress,
    symbol: Arc<str>,
    decimals: u8,
}

/// The native currency of a chain, which has 18 decimals and is called ETH unless another name is
/// known.
#[must_use]
pub fn native_currency(chain_id: u64) -> Currency {
    let known = NATIVE_SYMBOLS.iter().find(|(id, _)| *id == chain_id);
    Currency::new(EthAddress::ZERO, known.map_or("ETH", |(_, symbol)| symbol), 18)
}

impl Currency {
    /// The token at `address`, or with the zero address the chain's own currency. What a token
    /// calls itself is cut down to what can be shown in a line.
    #[must_use]
    pub fn new(address: EthAddress, symbol: &str, decimals: u8) -> Self {
        let shown = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '$' | '₮');
        let symbol: String = symbol.chars().filter(shown).take(LONGEST_SYMBOL).collect();
        let symbol = if symbol.is_empty() { address.to_string() } else { symbol };
        Self { address, symbol: symbol.into(), decimals }
    }

    /// Its contract; zero for the chain's own currency.
    #[must_use]
    pub const fn address(&self) -> EthAddress {
        self.address
    }

    /// What it is called.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Decimal places of one whole unit.
    #[must_use]
    pub const fn decimals(&self) -> u8 {
        self.decimals
    }

    /// So many smallest units of it.
    #[must_use]
    pub fn units(&self, units: impl Into<Units>) -> Money {
        let Units(units) = units.into();
        Money { units, currency: self.clone() }
    }

    /// An amount as the protocol's formats hold it.
    #[must_use]
    pub fn of(&self, amount: Amount) -> Money {
        self.units(amount.get())
    }

    /// Reads what a person types: `1.5` or `1.5 USDC` in whole units, or `1500000u` in smallest
    /// units.
    ///
    /// # Errors
    /// Not a number, another symbol, more decimals than the currency has, or above 2^128.
    pub fn parse(&self, typed: &str) -> Result<Amount> {
        let (number, symbol) = typed.trim().split_once(' ').unwrap_or((typed.trim(), ""));
        let symbol = symbol.trim();
        if !symbol.is_empty() && symbol != self.symbol() {
            return Err(fail(
                format!("{typed:?} is in {symbol:?}, but the currency is {}", self.symbol()),
                format!("give the amount in {}; its address is {}", self.symbol(), self.address),
                FailureKind::Failed,
            ));
        }
        text::parse(number, self.decimals).map(Amount::new).map_err(|why| {
            fail(
                format!("{typed:?} is not an amount of {}: {why}", self.symbol()),
                format!(
                    "write e.g. 1.5 (at most {} decimals), or 1500000u for the smallest unit",
                    self.decimals
                ),
                FailureKind::Failed,
            )
        })
    }
}

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
    pub(crate) fn decimal(&self) -> String {
        text::show(self.units, self.currency.decimals())
    }

    /// The amount for people without the symbol: `1,050.5`.
    #[must_use]
    pub fn bare(&self) -> String {
        text::grouped(&self.decimal())
    }

    /// The same currency, another number of smallest units.
    #[must_use]
    pub(crate) fn with_units(&self, units: impl Into<Units>) -> Self {
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

    #[test]
    fn people_read_symbols_and_programs_read_raw_units() {
        let usdc = usdc();
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

    fn usdc() -> Currency {
        Currency::new(EthAddress::new([7; 20]), "USDC", 6)
    }

    #[test]
    fn native_currencies_have_18_decimals_and_the_chains_name() {
        for (chain, symbol) in [(1, "ETH"), (31_337, "ETH"), (137, "POL"), (56, "BNB")] {
            let native = native_currency(chain);
            assert_eq!((native.symbol(), native.decimals()), (symbol, 18));
            assert!(native.address().is_zero());
        }
    }

    #[test]
    fn a_symbol_is_what_fits_in_a_line() {
        let symbol = |text: &str| Currency::new(EthAddress::ZERO, text, 6).symbol().to_owned();
        assert_eq!(symbol("USD₮0"), "USD₮0");
        assert_eq!(symbol("US\u{1b}[2JD C\n"), "US2JDC");
        assert_eq!(symbol(&"A".repeat(99)), "A".repeat(16));
        assert_eq!(symbol("\n"), EthAddress::ZERO.to_string());
    }

    #[test]
    fn typed_amounts_are_read_by_the_currency() {
        assert_eq!(usdc().parse("1.5").unwrap(), Amount::new(1_500_000));
        assert_eq!(usdc().parse("50 USDC").unwrap(), Amount::new(50_000_000));
        assert_eq!(usdc().parse("12u").unwrap(), Amount::new(12));
        let error = usdc().parse("1 ETH").unwrap_err().to_string();
        assert!(error.contains("\"ETH\", but the currency is USDC"), "{error}");
        let error = usdc().parse("0.0000001").unwrap_err().to_string();
        assert!(error.contains("\"0.0000001\" is not an amount of USDC"), "{error}");
        assert!(error.contains("7 decimals"), "{error}");
        let native = native_currency(1);
        assert!(native.parse("1000000000000000000000").unwrap_err().to_string().contains("2^128"));
    }
}
