//! The chain: provider, typed reads, the follower of the head, and the only sender of transactions.

mod case_reads;
mod client;
pub mod follower;
mod index;
mod reader;
pub mod sender;
mod views;

pub use client::{ChainClient, ChainError};
pub use follower::Follower;
pub use reader::Reader;
pub use sender::{Intent, IntentStatus, Sender, SenderError};
pub use views::{
    BeaconValue, CaseState, CaseStatus, CaseView, ChallengeConfig, ChannelView, CollateralView,
    LicenseStatus, LicenseView, PayoutView, ProverView, UniverseView,
};

use serde::{Deserialize, Serialize};

/// The newest block whose rows are committed to the store. Deadlines compare with `timestamp`, never with
/// the machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: alloy::primitives::B256,
    /// Block time, unix seconds.
    pub timestamp: u64,
    /// Newest block that counts as final.
    pub finalized: u64,
}
