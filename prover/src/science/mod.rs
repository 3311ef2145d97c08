//! Measurements of the method itself: what is left of fingerprints after what hosts do to copies,
//! how many fingerprints a model takes, what they cost, and whether anyone innocent is ever
//! convicted.

mod capacity;
mod nulls;
pub mod robustness;

pub use capacity::{CapacityRow, measure_capacity};
pub use nulls::{NullError, NullOptions, NullRow, null_trials};
