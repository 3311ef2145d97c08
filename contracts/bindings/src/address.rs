//! Accounts and contracts.

use std::fmt;
use std::str::FromStr;

use crate::keccak::keccak256;
use crate::text::{HexFault, ParseHexError, parse_hex, serde_as_text};

/// Account or contract address; displays with the checksum of EIP-55.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EthAddress([u8; 20]);

impl EthAddress {
    /// The zero address: native currency, or "no one".
    pub const ZERO: Self = Self([0; 20]);

    /// Wraps raw bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Whether it is the zero address.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Address of a key: last 20 bytes of the hash of the uncompressed point.
    #[must_use]
    pub fn of_key(key: &k256::ecdsa::VerifyingKey) -> Self {
        let point = key.to_encoded_point(false);
        let hash = keccak256(&point.as_bytes()[1..]);
        let mut address = [0; 20];
        address.copy_from_slice(&hash[12..]);
        Self(address)
    }

    fn checksummed(self) -> String {
        let digits = hex::encode(self.0);
        let hash = keccak256(digits.as_bytes());
        let cased = digits.char_indices().map(|(i, digit)| {
            let nibble = hash[i / 2] >> (4 * ((i + 1) % 2)) & 0xf;
            if nibble >= 8 { digit.to_ascii_uppercase() } else { digit }
        });
        "0x".chars().chain(cased).collect()
    }
}

impl fmt::Display for EthAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.checksummed())
    }
}

impl fmt::Debug for EthAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EthAddress({self})")
    }
}

impl FromStr for EthAddress {
    type Err = ParseHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = Self(parse_hex("address", text)?);
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mixed = digits.bytes().any(|b| b.is_ascii_uppercase())
            && digits.bytes().any(|b| b.is_ascii_lowercase());
        if mixed && address.checksummed()[2..] != *digits {
            return Err(ParseHexError {
                what: "address",
                digits: 40,
                value: text.to_owned(),
                fault: HexFault::Checksum { right: address.to_string() },
            });
        }
        Ok(address)
    }
}

impl From<[u8; 20]> for EthAddress {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl From<EthAddress> for [u8; 20] {
    fn from(address: EthAddress) -> Self {
        address.0
    }
}

impl AsRef<[u8]> for EthAddress {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

serde_as_text!(EthAddress);

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of EIP-55.
    const CHECKSUMMED: [&str; 4] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn addresses_carry_the_checksum() {
        for text in CHECKSUMMED {
            let address: EthAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(text.to_lowercase().parse(), Ok(address));
        }
        let wrong = CHECKSUMMED[0].replacen('A', "a", 1).parse::<EthAddress>().unwrap_err();
        assert!(wrong.to_string().contains("checksum"), "{wrong}");
    }
}
