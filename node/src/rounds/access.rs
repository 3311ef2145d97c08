//! What gets a stranger into a deployment: an API key that a reporter bought, for hosts that sell
//! outside of the protocol.

use std::collections::BTreeMap;

use oml_contracts::AccessHash;
use oml_contracts::hash::keccak256;
use serde::{Deserialize, Serialize};

/// Headers that a hand-out may carry. Any other could make a prover do something else than ask.
const ALLOWED: [&str; 4] = ["Authorization", "X-Api-Key", "Api-Key", "Cookie"];

/// Longest value of a header, in bytes.
const LONGEST: usize = 4096;

/// Headers with which requests get in. Their values are secrets: never printed, never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    headers: BTreeMap<String, String>,
}

/// Headers that no prover sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Not one of the few names.
    #[error("header {0:?} can't be handed out; use Authorization, X-Api-Key, Api-Key or Cookie")]
    Name(String),
    /// A value that would end its line, or is no visible text.
    #[error(
        "the value of header {0} has {1} bytes or signs that no header can have; write visible ASCII of at most 4096 bytes"
    )]
    Value(String, usize),
    /// Not `Name: value`.
    #[error("{0:?} is no header; write \"Name: value\"")]
    NoHeader(String),
    /// Nothing in it.
    #[error("an access without headers gets nobody in; leave it out")]
    Empty,
    /// Not the JSON of an access.
    #[error("the access is not the JSON that it should be: {0}")]
    Json(String),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("headers", &self.headers.keys()).finish()
    }
}

impl Access {
    /// An access of these headers.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn new(headers: BTreeMap<String, String>) -> Result<Self, AccessError> {
        let access = Self { headers };
        access.check()?;
        Ok(access)
    }

    /// From lines as `Authorization: Bearer …`.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn from_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, AccessError> {
        let split = |line: &'a str| {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| AccessError::NoHeader(line.chars().take(40).collect()))?;
            let name = name.trim();
            let known = ALLOWED.iter().find(|allowed| allowed.eq_ignore_ascii_case(name));
            Ok((known.map_or(name, |known| known).to_owned(), value.trim().to_owned()))
        };
        Self::new(lines.into_iter().map(split).collect::<Result<_, AccessError>>()?)
    }

    /// From the JSON of [`Self::to_json`].
    ///
    /// # Errors
    /// [`AccessError`].
    pub(crate) fn from_json(text: &str) -> Result<Self, AccessError> {
        let access: Self =
            serde_json::from_str(text).map_err(|error| AccessError::Json(error.to_string()))?;
        access.check()?;
        Ok(access)
    }

    /// Canonical JSON (RFC 8785): sorted names, no blanks.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A map of texts can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a seal says of it.
    #[must_use]
    pub fn hash(&self) -> AccessHash {
        AccessHash::new(keccak256(self.to_json().as_bytes()))
    }

    /// The headers, by name.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Refuses what came from elsewhere and no prover sends.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn check(&self) -> Result<(), AccessError> {
        if self.headers.is_empty() {
            return Err(AccessError::Empty);
        }
        for (name, value) in &self.headers {
            if !ALLOWED.contains(&name.as_str()) {
                return Err(AccessError::Name(name.clone()));
            }
            let visible = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
            if value.is_empty() || value.len() > LONGEST || !visible {
                return Err(AccessError::Value(name.clone(), value.len()));
            }
        }
        Ok(())
    }
}

/// Hash of an access, zero for none.
#[must_use]
pub(crate) fn access_hash(access: Option<&Access>) -> AccessHash {
    access.map_or(AccessHash::ZERO, Access::hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_headers_get_in() {
        let access = Access::from_lines(["authorization: Bearer abc", "Cookie: a=b"]).unwrap();
        assert_eq!(
            access.to_json(),
            r#"{"headers":{"Authorization":"Bearer abc","Cookie":"a=b"}}"#
        );
        assert_eq!(Access::from_json(&access.to_json()), Ok(access.clone()));
        assert!(!format!("{access:?}").contains("abc"));
        assert!(!access.hash().is_zero());
    }

    #[test]
    fn nothing_can_be_smuggled_in() {
        for line in ["Host: other", "Content-Length: 0", "X-Forwarded-For: me"] {
            assert!(matches!(Access::from_lines([line]), Err(AccessError::Name(_))), "{line}");
        }
        for value in ["", "a\r\nHost: other", "a\0", "ä", &"x".repeat(4097)] {
            let headers = BTreeMap::from([("Cookie".to_owned(), value.to_owned())]);
            assert!(matches!(Access::new(headers), Err(AccessError::Value(..))), "{value:?}");
        }
        assert!(matches!(Access::from_lines(["no header"]), Err(AccessError::NoHeader(_))));
        assert_eq!(Access::new(BTreeMap::new()), Err(AccessError::Empty));
        assert!(matches!(Access::from_json("{\"a\":1}"), Err(AccessError::Json(_))));
    }
}
