//! How prompts are continued.

use crate::ModelError;

/// When a continuation ends before its token limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At an end-of-sequence token.
    EndOfText,
    /// At an end-of-sequence token, or as soon as the first word of the text is complete.
    FirstWord,
    /// Never: control tokens are not produced at all.
    Never,
}

/// Random sampling instead of the greedy choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Divides the logits; > 0.
    pub temperature: f32,
    /// Smallest set of most likely tokens whose probability reaches this is sampled from; in (0,
    /// 1].
    pub top_p: f32,
    /// Seed; each prompt has its own stream, so results do not depend on batching.
    pub seed: u64,
}

/// How to continue prompts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GenerateOptions {
    /// Most tokens to add.
    pub max_new_tokens: usize,
    /// Random sampling; greedy if `None`.
    pub sampling: Option<Sampling>,
    /// When to end early.
    pub stop: Stop,
}

impl GenerateOptions {
    /// Greedy continuation up to the end of the text.
    #[must_use]
    pub fn greedy(max_new_tokens: usize) -> Self {
        Self { max_new_tokens, sampling: None, stop: Stop::EndOfText }
    }
}

impl Sampling {
    /// Refuses settings that make no sense.
    pub(super) fn check(self) -> Result<(), ModelError> {
        let Self { temperature, top_p, .. } = self;
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(ModelError::Parameter {
                name: "temperature",
                value: temperature.to_string(),
                requirement: "must be a finite number above 0",
            });
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(ModelError::Parameter {
                name: "top_p",
                value: top_p.to_string(),
                requirement: "must lie in (0, 1]",
            });
        }
        Ok(())
    }
}
