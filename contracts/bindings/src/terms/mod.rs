//! The published terms of an offer.

mod offer;
mod rules;
#[cfg(test)]
mod tests;
mod violation;

pub use offer::{
    MAX_LICENSE_AMOUNT, MAX_PARENTS, MAX_PERIOD, MAX_SECONDS, Royalty, SlashTerms, Terms, level,
};
pub use rules::TermsError;
pub use violation::Violation;
