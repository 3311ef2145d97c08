//! How ids, addresses and amounts are written: one text form for display, parsing and serde.

/// A text that is not the hex form of an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a {what}: {fault}; write 0x followed by {digits} hex digits")]
pub struct ParseHexError {
    /// Type that was asked for.
    pub what: &'static str,
    /// Hex digits that the type takes.
    pub digits: usize,
    /// The refused text, cut after 80 characters.
    pub value: String,
    /// What is wrong with it.
    pub fault: HexFault,
}

/// What is wrong with a text that should be hex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HexFault {
    /// A character is no hex digit.
    #[error("{character:?} at position {position} is not a hex digit")]
    NotHex {
        /// What stands in the place of a digit.
        character: char,
        /// Its place behind `0x`, from 0.
        position: usize,
    },
    /// There are too few or too many digits.
    #[error("it has {0} digits")]
    Length(usize),
    /// Capitals and small letters are mixed in another way than the checksum asks for.
    #[error(
        "its capitals are no EIP-55 checksum, so a digit may be wrong ({right} would be right)"
    )]
    Checksum {
        /// The address as it should be written.
        right: String,
    },
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
        fault: match cause {
            hex::FromHexError::InvalidHexCharacter { c, index } => {
                HexFault::NotHex { character: c, position: index }
            }
            _ => HexFault::Length(digits.chars().count()),
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

/// How a newtype over bytes displays, parses and serializes: 0x-prefixed lower-case hex.
macro_rules! bytes_as_text {
    ($name:ident) => {
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
            type Err = $crate::text::ParseHexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::text::parse_hex(stringify!($name), text).map(Self)
            }
        }

        $crate::text::serde_as_text!($name);
    };
}
pub(crate) use bytes_as_text;
