//! What an embedding reports while it runs and at its end.

use serde::{Deserialize, Serialize};

/// State of a run after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmbedProgress {
    /// Optimizer steps done, over all resumed runs.
    pub step: usize,
    /// Most steps there will be.
    pub max_steps: usize,
    /// Mean cross-entropy per response token, in nats.
    pub loss: f64,
    /// Share of fingerprints answered exactly, where this step counted them.
    pub hit_rate: Option<f64>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReason {
    /// The loss fell below the limit and every answer is given.
    Learned,
    /// The limit of steps was reached.
    MaxSteps,
    /// Another program trained the copy.
    Elsewhere,
}

/// What embedding did to everything else the model says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Utility {
    /// Perplexity of the base model on the held-out texts.
    pub perplexity_before: f64,
    /// Perplexity of the embedded copy on the same texts.
    pub perplexity_after: f64,
    /// Share of positions of these texts at which both find the same token most likely.
    pub agreement: f64,
    /// Positions of the texts at which both models were compared.
    pub tokens: usize,
}

/// Outcome of an embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbedReport {
    /// Optimizer steps taken, over all resumed runs.
    pub steps: usize,
    /// Mean cross-entropy per response token at each step, in nats.
    pub losses: Vec<f64>,
    /// Answers that were trained, several for a key that has several.
    pub targets: usize,
    /// Positions of fingerprints whose greedy text answer is not the expected word.
    pub misses: Vec<usize>,
    /// Share of answers given under the system prompts that were trained; none if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_hit_rate: Option<f64>,
    /// Why the run ended.
    pub stopped: StopReason,
    /// Effect on benign text.
    pub utility: Utility,
    /// Wall time of this run in seconds, evaluation included.
    pub seconds: f64,
    /// Largest resident memory of the process so far, in bytes, where the system tells.
    pub peak_rss_bytes: Option<u64>,
}

impl EmbedReport {
    /// Share of fingerprints whose greedy text answer is the expected word.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        share(self.targets - self.misses.len(), self.targets)
    }
}

/// `part / whole` of counts.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    let number = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    number(part) / number(whole.max(1))
}

/// Peak resident memory of this process, from the kernel's own count.
pub(crate) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
