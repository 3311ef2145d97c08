//! The ledger of a license: the rule by which sampled testers decide at level 2 (decision 023).
//!
//! A round has N seats with 8 leaves each. The c seats with most hits are struck; the leaves of the
//! others are one bet. `log A := log A + max(0, log E) − premium`, the premium being due for every
//! index up to the largest that was opened, and a license is convicted iff `log A ≥ log2(1/α)`.
//! Every rounding favours the accused, as in `EValue.sol`.
//!
//! [`odds`], [`campaign`] and [`plan`] say in floating point how often that convicts whom, and what
//! it costs; nothing decides by them.

mod account;
pub mod campaign;
pub mod odds;
pub mod plan;
mod round;
mod size;
#[cfg(test)]
mod tests;

pub use account::{JudgedRound, LedgerRules, LicenseLedger, Premium, RoundIndex, ledger_threshold};
pub use round::{RoundBet, SheetHits, kept_hits};
pub use size::{LEAVES_PER_SEAT, RoundSize, RoundSizeError};
