//! What a reporter bought to get in, so that the seats get in with it.

use crate::error::{FailureKind, Result, fail};
use oml_contracts::AccessHash;
use oml_contracts::hash::keccak256;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Headers that every request of a seat carries, such as an `Authorization` that a reporter bought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoldAccess {
    /// Names and values, in the order of the names.
    pub headers: BTreeMap<String, String>,
}

impl SoldAccess {
    /// From lines `Name: value`; none if there are no lines.
    ///
    /// # Errors
    /// A line that is no header, or a name twice.
    pub fn of_lines(lines: &[String]) -> Result<Option<Self>> {
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = split(line)?;
            if headers.insert(name.to_owned(), value.to_owned()).is_some() {
                let message = format!("header {name} is given twice");
                return Err(fail(message, "give each header once", FailureKind::Failed));
            }
        }
        Ok((!headers.is_empty()).then_some(Self { headers }))
    }

    /// The JSON that is hashed: sorted keys, no spaces.
    ///
    /// # Errors
    /// None in practice: strings always serialize.
    pub fn canonical(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// What a seal commits to; zero without access.
    ///
    /// # Errors
    /// As [`Self::canonical`].
    pub fn hash(access: Option<&Self>) -> Result<AccessHash> {
        access.map_or(Ok(AccessHash::ZERO), |access| {
            Ok(AccessHash::new(keccak256(access.canonical()?.as_bytes())))
        })
    }
}

/// A name of token characters, and a value without line breaks.
fn split(line: &str) -> Result<(&str, &str)> {
    let parts = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    parts.filter(|(name, value)| is_name(name) && !value.contains(['\r', '\n'])).ok_or_else(|| {
        // The value may be a secret, so it is not shown.
        let name = line.split(':').next().unwrap_or_default();
        fail(
            format!("--access-header {name:?}… is no header"),
            "write it as in a request, e.g. 'Authorization: Bearer ...'",
            FailureKind::Failed,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_sorted_keys_without_spaces() {
        let lines = ["X-Team:  a".to_owned(), "Authorization: Bearer k".to_owned()];
        let access = SoldAccess::of_lines(&lines).unwrap().unwrap();
        let text = r#"{"headers":{"Authorization":"Bearer k","X-Team":"a"}}"#;
        assert_eq!(access.canonical().unwrap(), text);
        let hash = SoldAccess::hash(Some(&access)).unwrap();
        assert_eq!(hash, AccessHash::new(keccak256(text.as_bytes())));
    }

    #[test]
    fn without_access_the_hash_is_zero() {
        assert_eq!(SoldAccess::of_lines(&[]).unwrap(), None);
        assert!(SoldAccess::hash(None).unwrap().is_zero());
    }

    #[test]
    fn what_is_no_header_is_refused_without_its_value() {
        for line in ["Bearer secret", "a b: secret", ": secret", "a: se\ncret"] {
            let error = SoldAccess::of_lines(&[line.to_owned()]).unwrap_err().to_string();
            assert!(!error.contains("cret:"), "{error}");
        }
        let twice = ["a: 1".to_owned(), "a: 2".to_owned()];
        assert!(SoldAccess::of_lines(&twice).unwrap_err().to_string().contains("twice"));
    }
}
