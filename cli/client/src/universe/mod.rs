//! Universes of fingerprints: made, kept on disk, put on chain, and what is left of them.

mod chain;
mod make;
mod standing;
mod store;

pub use chain::{CommittedUniverse, SeededUniverse, commit, draw_seed, license_draw, on_chain};
pub use make::{build, from_keys, generate};
pub(crate) use standing::bundles_left;
pub use standing::{UniverseStanding, unburned};
pub use store::{load, make_key, refuse_existing, save};
