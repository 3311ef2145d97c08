//! Fingerprints: keys, candidate answers and how they are drawn.

mod normalise;

pub use normalise::normalise;
