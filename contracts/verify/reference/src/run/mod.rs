//! Random sequences of calls, made to the bytecode and to the model alike.

mod channels;
mod compare;
mod copies;
mod counts;
mod deliveries;
mod deployments;
mod desk;
mod difference;
mod judges;
mod keys;
mod leaves;
mod listing;
mod offers;
mod people;
mod proofs;
mod registrar;
mod set_up;
mod signing;
mod steps;
#[cfg(test)]
mod tests;
mod units;
mod world;

pub use counts::{CallCounts, Reached};
pub use difference::Difference;
pub use world::World;
