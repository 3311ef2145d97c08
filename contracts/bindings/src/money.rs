//! Money, shares and accounts as types that do not mix.

use std::fmt;
use std::str::FromStr;

use crate::hash::keccak256;
use crate::ids::{ParseHexError, parse_hex, serde_as_text};

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
    /// A license nonce needs more than 96 bits.
    #[error("license nonce {0} does not fit uint96; choose one below 2^96")]
    NonceTooLarge(u128),
}

impl Amount {
    /// Nothing.
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
    /// No share.
    pub const ZERO: Self = Self(0);
    /// The whole.
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

/// Number with which a host tells apart its licenses of one offer. `uint96` on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LicenseNonce(u128);

impl LicenseNonce {
    /// A nonce of at most 96 bits.
    ///
    /// # Errors
    /// [`AmountError::NonceTooLarge`].
    pub const fn new(nonce: u128) -> Result<Self, AmountError> {
        if nonce >> 96 == 0 { Ok(Self(nonce)) } else { Err(AmountError::NonceTooLarge(nonce)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl From<u64> for LicenseNonce {
    fn from(nonce: u64) -> Self {
        Self(u128::from(nonce))
    }
}

impl fmt::Display for LicenseNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for LicenseNonce {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().map_err(|_| AmountError::NotANumber(text.to_owned()))?;
        Self::new(number)
    }
}

serde_as_text!(LicenseNonce);

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
                cause: format!(
                    "its capitals are no EIP-55 checksum, so a digit may be wrong ({address} would be right)"
                ),
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

    #[test]
    fn nonces_fit_96_bits() {
        assert!(LicenseNonce::new((1 << 96) - 1).is_ok());
        assert_eq!(LicenseNonce::new(1 << 96), Err(AmountError::NonceTooLarge(1 << 96)));
    }
}
