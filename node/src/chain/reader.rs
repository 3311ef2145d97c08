//! Typed reads of the contracts.

use super::{
    BeaconValue, CaseView, ChainClient, ChainError, ChallengeConfig, ChannelView, CollateralView, LicenseView,
    PayoutView, ProverView, UniverseView,
};
use alloy::eips::BlockId;
use alloy::primitives::B256;
use oml_contracts::{
    Amount, CaseId, ChannelId, Commitment, DeploymentHash, EthAddress, LicenseId, ModelId, OfferId,
};

/// Reads contracts at one block, the latest unless [`Reader::at`] says otherwise. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    client: ChainClient,
    block: BlockId,
}

impl Reader {
    pub(crate) fn new(client: ChainClient) -> Self {
        Self { client, block: BlockId::latest() }
    }

    /// The same reads at the block with this hash, so that several reads agree.
    #[must_use]
    pub fn at(&self, block_hash: B256) -> Self {
        Self { client: self.client.clone(), block: BlockId::hash(block_hash) }
    }
}
