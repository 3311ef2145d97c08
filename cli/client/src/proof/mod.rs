//! Proofs of level 0, where the host's own signature convicts it.

mod claim;
mod collect;
mod keys;
mod receipt;
mod series;
mod unlicensed;

pub use collect::{CollectSeries, Collected, CollectedSeries, collect};
pub use keys::{TakeKeys, TakenKeys, take_keys};
pub use receipt::{AcceptedProof, equivocation, out_of_term, under_metering};
pub use unlicensed::{AcceptedSeries, unlicensed_model};
