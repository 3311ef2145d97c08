//! The e-value, bit for bit as the contract computes it.
//!
//! Each observation multiplies the evidence by the hit's or the miss's multiplier. A multiplier
//! pair is valid only if its mean under innocence is at most 1; then Ville's inequality gives
//! P(evidence ever reaches 1/alpha | innocent) ≤ alpha. Logarithms are rounded so that every error
//! favours the accused.

#[cfg(feature = "exact")]
pub mod exact;
mod fixed_point;
mod offer;
#[cfg(test)]
mod tests;
mod value;

pub use fixed_point::{Log2, Multiplier, log2_ceil, log2_floor};
pub(crate) use offer::check_pair;
pub use offer::{EvidenceError, EvidenceTerms, Milli};
pub use value::{EValue, EvidenceCounts, threshold};
