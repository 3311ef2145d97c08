//! Counting tokens before the host has.

/// Counts the tokens of a text.
pub trait TokenCounter: std::fmt::Debug + Send + Sync {
    /// Number of tokens.
    fn count(&self, text: &str) -> u64;
}

/// Four bytes of UTF-8 a token, rounded up: about right for English under today's vocabularies.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByteEstimate;

impl TokenCounter for ByteEstimate {
    fn count(&self, text: &str) -> u64 {
        u64::try_from(text.len().div_ceil(4)).unwrap_or(u64::MAX)
    }
}
