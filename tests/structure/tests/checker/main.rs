//! Each way around the rules that reading text would leave open is a small workspace that has to
//! fail with the right message, and what is allowed has to pass.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod circles;
mod crates;
mod documents;
mod fixture;
mod imports;
mod names;
mod sizes;
