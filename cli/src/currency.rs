//! Currencies as flags name them.

use oml_contracts::EthAddress;
use std::str::FromStr;

/// A currency that a person named: `native`, or the address of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NamedCurrency(EthAddress);

impl NamedCurrency {
    /// The token's address; zero for the chain's own currency.
    pub(crate) const fn address(self) -> EthAddress {
        self.0
    }
}

impl FromStr for NamedCurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("native") {
            return Ok(Self(EthAddress::ZERO));
        }
        let address = text.parse().map_err(|error| {
            format!("{error}; name an ERC-20 token by its address, or `native`")
        })?;
        Ok(Self(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chains_own_currency_has_a_name() {
        let named = |text: &str| text.parse::<NamedCurrency>().map(NamedCurrency::address);
        assert_eq!(named("native"), Ok(EthAddress::ZERO));
        let token = "0x0707070707070707070707070707070707070707";
        assert_eq!(named(token), Ok(EthAddress::new([7; 20])));
        assert!(named("USDC").unwrap_err().contains("`native`"));
    }
}
