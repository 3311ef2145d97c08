//! How far the store follows the chain.

use serde::{Deserialize, Serialize};

/// The newest block whose rows are committed to the store. Deadlines compare with `timestamp`,
/// never with the machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: alloy::primitives::B256,
    /// Block time, unix seconds.
    pub timestamp: u64,
    /// Newest block that counts as final.
    pub finalized: u64,
}
