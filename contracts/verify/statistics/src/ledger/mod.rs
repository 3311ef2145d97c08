//! The ledger of a license (decision 023): what the rule that decides does to the innocent, to the
//! guilty, and to money.
//!
//! [`universe`] enumerates, [`games`] and [`committee`] compute, [`histories`] plays what can only
//! be played; each with the rule of the bindings, or with a [`Fault`] that must be noticed.

pub mod catalogue;
pub mod committee;
pub mod games;
pub mod histories;
pub mod notice;
pub mod pay;
pub mod rule;
pub mod universe;

pub use rule::{Fault, Rule, Stand};
