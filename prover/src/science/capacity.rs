//! Hit rate and utility against the number of fingerprints.

use super::robustness::{
    Attack, CopyOptions, MarkedCopy, RobustnessError, ServedUtility, served_utility,
};
use oml_engine::Model;

/// A copy with so many fingerprints.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CapacityRow {
    /// Personal keys that were embedded.
    pub keys: u32,
    /// Answers per key.
    pub answers_per_key: u8,
    /// Share of keys that are answered as drawn.
    pub hit_rate: f64,
    /// Optimizer steps that training took.
    pub steps: usize,
    /// Seconds of training, utility of the training's own report included.
    pub seconds: f64,
    /// Perplexity of the base model on the texts.
    pub base_perplexity: f64,
    /// Utility of the copy on the texts.
    pub utility: ServedUtility,
}

/// Marks a copy and measures it; `held_out` are token sequences that start as prompts do.
///
/// # Errors
/// [`RobustnessError`].
pub fn measure_capacity(
    base: &Model,
    options: &CopyOptions,
    held_out: &[Vec<u32>],
) -> Result<(CapacityRow, MarkedCopy), RobustnessError> {
    let copy = MarkedCopy::make(base, options)?;
    let utility = |model: &Model| {
        let suspect = Attack::None.apply(base, model, &[], options.seed)?;
        served_utility(base, &suspect, held_out)
    };
    let row = CapacityRow {
        keys: options.keys,
        answers_per_key: options.answers.get(),
        hit_rate: copy.report.hit_rate(),
        steps: copy.report.steps,
        seconds: copy.report.seconds,
        base_perplexity: utility(base)?.perplexity,
        utility: utility(&copy.model)?,
    };
    Ok((row, copy))
}
