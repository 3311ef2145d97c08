//! Identifiers that do not interconvert by accident: newtypes over byte arrays.
//!
//! Each one displays, parses and serializes as 0x-prefixed lower-case hex.

use crate::text::{bytes_as_text, serde_as_text};

macro_rules! bytes_newtype {
    ($($(#[$meta:meta])* $name:ident: $len:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; $len]);

        impl $name {
            /// All bytes zero: "none" on chain.
            pub const ZERO: Self = Self([0; $len]);

            /// Wraps raw bytes.
            #[must_use]
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Whether every byte is zero.
            #[must_use]
            pub fn is_zero(&self) -> bool {
                self.0.iter().all(|byte| *byte == 0)
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl From<$name> for [u8; $len] {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        bytes_as_text!($name);
    )*};
}

bytes_newtype! {
    /// A registered model.
    ModelId: 32;
    /// Hash of an offer's terms.
    OfferId: 32;
    /// A bought license.
    LicenseId: 32;
    /// A payer's channel to a license.
    ChannelId: 32;
    /// A sealed round of level 2.
    RoundId: 32;
    /// With it one account can seal one round of a license; nothing else tells of which.
    RoundWord: 32;
    /// Root of the words of a license.
    CasesRoot: 32;
    /// Names a sealed copy: the hash of its manifest.
    SealedRoot: 32;
    /// Opens a sealed copy; on chain once it is delivered.
    CopyKey: 32;
    /// What a seal commits to: the deployment, and how to get in.
    DeploymentCommitment: 32;
    /// Hash of what a hand-out says of how to get in; zero for nothing.
    AccessHash: 32;
    /// Hash of the key hashes of a seat, in the order of its leaves.
    KeysHash: 32;
    /// Hash of a deployment's registered URI.
    DeploymentHash: 32;
    /// Hash of a prompt.
    KeyHash: 32;
    /// Hash of a request: model and prompt.
    RequestHash: 32;
    /// Hash of a response's text.
    ResponseHash: 32;
    /// Root of a universe's tree.
    Root: 32;
    /// Randomness drawn after a commitment.
    Seed: 32;
    /// Blinds a commitment, or tells a payer's channels apart.
    Salt: 32;
    /// Leaf of a universe's tree.
    LeafHash: 32;
    /// What a report puts on chain first.
    Commitment: 32;
    /// What a report claims; part of its commitment.
    ClaimHash: 32;
    /// EIP-712 digest that a voucher's or receipt's signature covers.
    Digest: 32;
    /// Hash of a file or of a set of files: weights, metadata, a delivered copy.
    ContentHash: 32;
    /// First four bytes of the hash of a normalised response.
    Tag: 4;
}

impl Tag {
    /// Tag of "no answer", never a candidate.
    pub const NONE: Self = Self::ZERO;
}

/// Number with which a host tells apart its licenses of one offer. `uint96` on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LicenseNonce(u128);

/// A number that is no license nonce.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// The text is not a whole number.
    #[error("{0:?} is not a license nonce; write a whole number below 2^96")]
    NotANumber(String),
    /// The number needs more than 96 bits.
    #[error("license nonce {0} does not fit uint96; choose one below 2^96")]
    TooLarge(u128),
}

impl LicenseNonce {
    /// A nonce of at most 96 bits.
    ///
    /// # Errors
    /// [`NonceError::TooLarge`].
    pub const fn new(nonce: u128) -> Result<Self, NonceError> {
        if nonce >> 96 == 0 { Ok(Self(nonce)) } else { Err(NonceError::TooLarge(nonce)) }
    }

    /// The nonce as a number below 2^96.
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

impl std::fmt::Display for LicenseNonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl std::str::FromStr for LicenseNonce {
    type Err = NonceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().map_err(|_| NonceError::NotANumber(text.to_owned()))?;
        Self::new(number)
    }
}

serde_as_text!(LicenseNonce);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips() {
        let id = ModelId::new([0xab; 32]);
        let text = id.to_string();
        assert_eq!(text, format!("0x{}", "ab".repeat(32)));
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text[2..].parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<ModelId>(&json).unwrap(), id);
    }

    #[test]
    fn wrong_hex_names_value_and_cause() {
        let short = "0x12".parse::<ModelId>().unwrap_err();
        assert_eq!(
            short.to_string(),
            "\"0x12\" is not a ModelId: it has 2 digits; write 0x followed by 64 hex digits"
        );
        let letter = "0x0000000g".parse::<Tag>().unwrap_err();
        assert!(letter.to_string().contains("'g' at position 7"), "{letter}");
        assert!("é".repeat(32).parse::<ModelId>().is_err());
    }

    #[test]
    fn zero_is_none() {
        assert!(Tag::NONE.is_zero());
        assert!(!Tag::new([0, 0, 0, 1]).is_zero());
    }

    #[test]
    fn nonces_fit_96_bits() {
        assert!(LicenseNonce::new((1 << 96) - 1).is_ok());
        assert_eq!(LicenseNonce::new(1 << 96), Err(NonceError::TooLarge(1 << 96)));
    }
}
