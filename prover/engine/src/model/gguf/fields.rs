//! Typed access to the metadata of a GGUF file.

use std::path::Path;

use super::header::{Header, Value, whole};
use crate::ModelError;

/// Typed access to the metadata, with errors that name key and value.
pub(super) struct Fields<'a> {
    pub(super) header: &'a Header,
    pub(super) path: &'a Path,
}

impl<'a> Fields<'a> {
    pub(super) fn invalid(&self, what: String) -> ModelError {
        ModelError::gguf(self.path, what)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.header.metadata.get(key)
    }

    /// The complaint about a value of another type.
    pub(super) fn wrong(&self, key: &str, wanted: &str) -> ModelError {
        let found = self.get(key).map_or_else(|| "nothing".to_owned(), Value::described);
        self.invalid(format!("`{key}` must be {wanted}, found {found}"))
    }

    pub(super) fn text(&self, key: &str) -> Result<String, ModelError> {
        self.optional_text(key)?.map(str::to_owned).ok_or_else(|| self.wrong(key, "a text"))
    }

    pub(super) fn optional_text(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Number(n)) if n.is_finite() => Ok(Some(*n)),
            Some(_) => Err(self.wrong(key, "a number")),
        }
    }

    pub(super) fn count(&self, key: &str) -> Result<Option<u64>, ModelError> {
        let number = self.number(key)?;
        let count = |n: f64| {
            whole(n).ok_or_else(|| self.invalid(format!("`{key}` = {n}: must be a whole number")))
        };
        number.map(count).transpose()
    }

    /// A list of texts; an empty one may be of any type.
    pub(super) fn texts(&self, key: &str) -> Result<Option<&'a [String]>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Texts(list)) => Ok(Some(list)),
            Some(Value::Numbers(list)) if list.is_empty() => Ok(Some(&[])),
            Some(_) => Err(self.wrong(key, "an array of texts")),
        }
    }

    /// A truth value, which the header gives as 0 or 1.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        match self.number(key)? {
            None => Ok(default),
            Some(0.0) => Ok(false),
            Some(1.0) => Ok(true),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }
}
