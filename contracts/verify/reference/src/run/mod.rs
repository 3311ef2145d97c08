//! Random sequences of calls, made to the bytecode and to the model alike.

mod answers;
mod bases;
mod channels;
mod compare;
mod compare_rounds;
mod copies;
mod counts;
mod deliveries;
mod deployments;
mod desk;
mod difference;
mod docket;
mod fees;
mod flavors;
mod judges;
mod keys;
mod leaves;
mod listing;
mod offers;
mod openings;
mod people;
mod proofs;
mod registrar;
mod round_set_up;
mod round_steps;
mod seals;
mod self_reports;
mod set_up;
mod signing;
mod stake;
mod steps;
#[cfg(test)]
mod tests;
mod tickets;
mod units;
mod world;

pub use counts::{CallCounts, Reached};
pub use difference::Difference;
pub use world::World;
