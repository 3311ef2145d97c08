//! Identifiers that do not interconvert by accident: newtypes over byte arrays.
//!
//! Each one displays, parses and serializes as 0x-prefixed lower-case hex.

/// A text that is not the hex form of an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {what}: {cause}; write 0x followed by {digits} hex digits")]
pub struct ParseHexError {
    /// Type that was asked for.
    pub what: &'static str,
    /// Hex digits that the type takes.
    pub digits: usize,
    /// The refused text, cut after 80 characters.
    pub value: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Parses `N` bytes of hex, with or without `0x`.
pub(crate) fn parse_hex<const N: usize>(
    what: &'static str,
    text: &str,
) -> Result<[u8; N], ParseHexError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut bytes = [0_u8; N];
    hex::decode_to_slice(digits, &mut bytes).map_err(|cause| ParseHexError {
        what,
        digits: 2 * N,
        value: text.chars().take(80).collect(),
        cause: match cause {
            hex::FromHexError::InvalidHexCharacter { c, index } => {
                format!("{c:?} at position {index} is not a hex digit")
            }
            _ => format!("it has {} digits", digits.chars().count()),
        },
    })?;
    Ok(bytes)
}

/// Serde through `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text =
                    <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseHexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_hex(stringify!($name), text).map(Self)
            }
        }

        serde_as_text!($name);
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
    /// A level-2 case.
    CaseId: 32;
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
    /// Hash of the packed tags that a committee member observed.
    TagsHash: 32;
    /// Hash of the key hashes that a committee asks, in order.
    QuestionsHash: 32;
    /// What a commit-reveal puts on chain first.
    Commitment: 32;
    /// What a report claims; part of its commitment.
    ClaimHash: 32;
    /// Hash of what a case has drawn, asked and found.
    Facts: 32;
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
}
