//! First aid on robustness: what is left of fingerprints after what hosts do to copies.
//!
//! ```text
//! base ─▶ MarkedCopy ─Attack─▶ ServedModel ─▶ answers, ranks, utility ─▶ AttackRow
//! ```
//!
//! Attacks on weights (fine-tuning, rounding, pruning, merging) make another model; attacks on
//! serving (temperature, a prefix, suppression of near-certain tokens) leave the weights alone and
//! change what is said. Both are asked what a check asks, and judged by the test of answers and by
//! the rank test.

mod attack;
mod copy;
mod error;
mod report;
mod served_model;
mod utility;
mod weights;

pub use attack::{Attack, usual_attacks};
pub use copy::{CopyOptions, MarkedCopy};
pub use error::RobustnessError;
pub use report::{AttackRow, AttackSetting, Held, TestResult};
pub(crate) use served_model::{ServedModel, Serving};
pub(crate) use utility::served_utility;
pub use utility::{ServedUtility, base_texts};
