//! How often the contracts find an innocent host guilty.
//!
//! The decision is the contract's own: integer logarithms, integer threshold
//! ([`oml_contracts::evidence`]). The probabilities are exact: every null probability is a multiple
//! of 1/65,536, so that all of them are dyadic fractions of big integers. [`simulate`] plays
//! attacks with the protocol's own draws.

pub mod dyadic;
pub mod exact;
pub mod ledger;
pub mod sets;
pub mod simulate;
pub mod stream;

pub use dyadic::Dyadic;
pub use exact::{Counting, Null};
