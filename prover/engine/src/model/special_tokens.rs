//! The control tokens of a model as texts.

use serde_json::{Map, Value};

/// Texts of control tokens that templates name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Starts a sequence.
    pub bos: Option<String>,
    /// Ends an answer.
    pub eos: Option<String>,
    /// What else the tokenizer's files name, such as `pad_token`: a text, or a list of texts.
    pub others: Map<String, Value>,
}
