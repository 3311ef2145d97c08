//! Currencies: what a chain says of a token, and the native currencies of known chains.

use super::{Money, Units, text};
use crate::error::{FailureKind, Result, fail};
use oml_contracts::{Amount, EthAddress};
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

#[cfg(test)]
mod tests {
    use super::*;

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
