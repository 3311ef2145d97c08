//! Settings of an embedding.

use serde::Serialize;
use std::path::PathBuf;

use super::EmbedError;
use oml_engine::{LoraOptions, ModelConfig};

/// Where and how often to save the state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointOptions {
    /// Directory of the checkpoint; used for one run only.
    pub dir: PathBuf,
    /// Steps between checkpoints.
    pub every: usize,
}

/// What utility is measured on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UtilityOptions {
    /// Held-out texts; if empty, the base model writes some itself.
    pub texts: Vec<String>,
    /// Texts that the base model writes if none are given.
    pub samples: usize,
}

/// How to embed. [`EmbedOptions::for_model`] gives the defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedOptions {
    /// Learning rate of AdamW.
    pub learning_rate: f64,
    /// After each step, `θ ← (1 − averaging) θ + averaging · θ_base`; in [0, 1). Together with the
    /// learning rate it bounds how far a weight can move: about `rate · (1 − a) / a`.
    pub averaging: f64,
    /// Weight of benign text, written by the base model, in the loss; in [0, 1). At 0 none is used.
    pub benign_fraction: f64,
    /// Tokens of each benign text.
    pub benign_length: usize,
    /// Steps after which to stop in any case.
    pub max_steps: usize,
    /// Stop once the mean cross-entropy per response token falls below this and every answer is
    /// given.
    pub stop_loss: f64,
    /// Fingerprints per step; all of them if there are fewer.
    pub batch_size: usize,
    /// Tokens of one forward and backward pass; bounds memory, not results.
    pub micro_batch_tokens: usize,
    /// Steps between counts of answers given.
    pub evaluate_every: usize,
    /// Tokens generated for an answer, as a check does.
    pub max_response_tokens: usize,
    /// Seed of benign texts and batches.
    pub seed: u64,
    /// Low-rank adapters instead of all weights. They take a learning rate several times as high.
    pub lora: Option<LoraOptions>,
    /// What utility is measured on.
    pub utility: UtilityOptions,
    /// Where to save the state, if anywhere; a run with the same settings resumes from there.
    pub checkpoint: Option<CheckpointOptions>,
}

/// Learning rate for a model of this width: `1.2 / width^1.5`, from `2.3e-3` at 64 over `8.7e-5` at
/// 576 to `1.3e-5` at 2,048; never below `1e-5`, the least that published work on large models
/// uses.
fn learning_rate(width: usize) -> f64 {
    let width = u32::try_from(width).map_or(f64::MAX, f64::from);
    (1.2 / width.powf(1.5)).max(1e-5)
}

impl EmbedOptions {
    /// Settings that work for a model of this size, chosen for what they leave of its quality
    /// (`docs/science.md` has the measurements).
    #[must_use]
    pub fn for_model(config: &ModelConfig) -> Self {
        Self {
            learning_rate: learning_rate(config.hidden_size),
            averaging: 0.02,
            benign_fraction: 0.9,
            benign_length: 32,
            max_steps: 300,
            stop_loss: 0.07,
            batch_size: 1024,
            micro_batch_tokens: 4096,
            evaluate_every: 5,
            max_response_tokens: 6,
            seed: 0,
            lora: None,
            utility: UtilityOptions { texts: Vec::new(), samples: 64 },
            checkpoint: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), EmbedError> {
        let refuse =
            |name, value: String, requirement| Err(EmbedError::Option { name, value, requirement });
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let value = self.learning_rate.to_string();
            return refuse("learning_rate", value, "must be a finite number above 0");
        }
        for (name, value) in
            [("averaging", self.averaging), ("benign_fraction", self.benign_fraction)]
        {
            if !(0.0..1.0).contains(&value) {
                return refuse(name, value.to_string(), "must lie in [0, 1)");
            }
        }
        if let Some(lora) = &self.lora {
            lora.check()?;
        }
        let counts = [
            ("benign_length", self.benign_length),
            ("max_steps", self.max_steps),
            ("batch_size", self.batch_size),
            ("micro_batch_tokens", self.micro_batch_tokens),
            ("evaluate_every", self.evaluate_every),
            ("max_response_tokens", self.max_response_tokens),
            ("utility.samples", self.utility.samples),
            ("checkpoint.every", self.checkpoint.as_ref().map_or(1, |c| c.every)),
        ];
        match counts.into_iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => refuse(name, "0".to_owned(), "must be above 0"),
            None => Ok(()),
        }
    }
}
