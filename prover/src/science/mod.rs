//! Measurements of the method itself: how many fingerprints a model takes, what they cost, and whether
//! anyone innocent is ever convicted.

mod capacity;
mod nulls;

pub use capacity::{CapacityRow, measure_capacity};
pub use nulls::{NullError, NullOptions, NullRow, null_trials};
