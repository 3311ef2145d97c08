//! Two meters: what the upstream says it used, and what this gateway counts itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oml_payments::{ByteEstimate, TokenCounter};
use serde::Deserialize;

/// Counts with the model's own tokenizer; control tokens are not counted.
#[derive(Debug, Clone)]
pub(crate) struct TokenizerCounter(Arc<tokenizers::Tokenizer>);

/// A file that holds no tokenizer.
#[derive(Debug, thiserror::Error)]
#[error("tokenizer {}: {source}", path.display())]
pub(super) struct TokenizerError {
    path: PathBuf,
    source: tokenizers::Error,
}

impl TokenizerCounter {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`TokenizerError`].
    pub(super) fn read(path: &Path) -> Result<Self, TokenizerError> {
        let failed = |source| TokenizerError { path: path.to_owned(), source };
        let mut tokenizer = tokenizers::Tokenizer::from_file(path).map_err(failed)?;
        // A file from a training set-up may cut texts, which would cap the count.
        tokenizer.with_truncation(None).map_err(failed)?;
        tokenizer.with_padding(None);
        Ok(Self(Arc::new(tokenizer)))
    }
}

impl TokenCounter for TokenizerCounter {
    fn count(&self, text: &str) -> u64 {
        match self.0.encode_fast(text, false) {
            Ok(encoding) => u64::try_from(encoding.len()).unwrap_or(u64::MAX),
            Err(_) => ByteEstimate.count(text),
        }
    }
}

/// Tokens of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(crate) struct Usage {
    /// Of the prompt.
    #[serde(rename = "prompt_tokens", default)]
    pub prompt: u64,
    /// Of the answer.
    #[serde(rename = "completion_tokens", default)]
    pub completion: u64,
}

impl Usage {
    /// Prompt and answer.
    #[must_use]
    pub(crate) const fn total(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

/// Result of metering one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metered {
    /// This gateway's count.
    pub own: Usage,
    /// The upstream's last word, if it had one.
    pub upstream: Option<Usage>,
    /// Tokens that go on the receipt; never above what the voucher pays for.
    pub billed: u64,
    /// Whether the two meters are further apart than tokenizers explain.
    pub diverged: bool,
}

/// Meters one request.
#[derive(Debug)]
pub(crate) struct Meter {
    counter: Arc<dyn TokenCounter>,
    prompt: u64,
    text: String,
    upstream: Option<Usage>,
}

impl Meter {
    /// Starts with the count of the prompt.
    #[must_use]
    pub(crate) const fn new(counter: Arc<dyn TokenCounter>, prompt_tokens: u64) -> Self {
        Self { counter, prompt: prompt_tokens, text: String::new(), upstream: None }
    }

    /// Adds a piece of the answer.
    pub(crate) fn text(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    /// Takes the upstream's count; the last one holds.
    pub(crate) const fn usage(&mut self, usage: Usage) {
        self.upstream = Some(usage);
    }

    /// The answer so far.
    #[must_use]
    pub(crate) fn answer(&self) -> &str {
        &self.text
    }

    /// Whether anything was answered.
    #[must_use]
    pub(crate) fn served_anything(&self) -> bool {
        !self.text.is_empty() || self.upstream.is_some_and(|usage| usage.completion > 0)
    }

    /// Closes the count. The upstream's holds unless it is impossible: it ran the model and knows
    /// its control tokens. `headroom` is what the voucher pays for in this request.
    #[must_use]
    pub(crate) fn finish(&self, headroom: u64) -> Metered {
        let own = Usage { prompt: self.prompt, completion: self.counter.count(&self.text) };
        let possible = |usage: &Usage| {
            (usage.prompt > 0 || own.prompt == 0) && (usage.completion > 0 || self.text.is_empty())
        };
        let held = self.upstream.filter(possible).unwrap_or(own);
        let apart = held.total().abs_diff(own.total());
        Metered {
            own,
            upstream: self.upstream,
            billed: held.total().min(headroom),
            diverged: apart > 16.max(own.total() / 4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(text: &str, upstream: Option<(u64, u64)>) -> Meter {
        let mut meter = Meter::new(Arc::new(ByteEstimate), 10);
        for piece in text.split_inclusive(' ') {
            meter.text(piece);
        }
        if let Some((prompt, completion)) = upstream {
            meter.usage(Usage { prompt, completion });
        }
        meter
    }

    #[test]
    fn the_upstream_holds_unless_it_is_impossible() {
        let text = "eight token text, four bytes each";
        for (upstream, billed, diverged) in [
            (Some((11, 7)), 18, false),
            (None, 19, false),
            (Some((11, 0)), 19, false),
            (Some((0, 7)), 19, false),
            (Some((11, 70)), 81, true),
            (Some((900, 900)), 100, true),
        ] {
            let metered = meter(text, upstream).finish(100);
            assert_eq!((metered.billed, metered.diverged), (billed, diverged), "{upstream:?}");
            assert_eq!(metered.own, Usage { prompt: 10, completion: 9 });
        }
    }

    #[test]
    fn the_voucher_bounds_the_bill() {
        assert_eq!(meter("some text", Some((10, 2))).finish(5).billed, 5);
        assert_eq!(meter("some text", None).finish(12).billed, 12);
    }

    #[test]
    fn an_empty_answer_is_nothing_served() {
        assert!(!meter("", None).served_anything());
        assert!(!meter("", Some((10, 0))).served_anything());
        assert!(meter("", Some((10, 1))).served_anything());
        assert!(meter("a", None).served_anything());
    }

    #[test]
    fn estimates_round_up() {
        for (text, tokens) in [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("é", 1), ("日本", 2)]
        {
            assert_eq!(ByteEstimate.count(text), tokens, "{text:?}");
        }
    }
}
