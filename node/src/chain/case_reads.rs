//! Reads that only cases need.

use alloy::primitives::{Address, B256, Bytes};
use alloy::providers::Provider;
use oml_contracts::rpc::abi;
use oml_contracts::{CaseId, EthAddress, TagsHash};

use super::client::within;
use super::{ChainClient, ChainError};

impl ChainClient {
    /// Hash of the tags that a member has revealed at this block; zero if it has not.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn revealed_tags_hash(
        &self,
        block: B256,
        case: CaseId,
        prover: EthAddress,
    ) -> Result<TagsHash, ChainError> {
        let address: Address = self.addresses().challenge_manager.into();
        let challenge = abi::ChallengeManager::new(address, self.provider().clone());
        let call = challenge.revealedTagsHash(case.into(), prover.into()).block(block.into());
        let what = format!("tags revealed by {prover} in case {case}");
        Ok(within(what, call.call()).await?.into())
    }

    /// Call data of a mined transaction; `None` if the endpoint does not know it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn transaction_input(&self, tx_hash: B256) -> Result<Option<Bytes>, ChainError> {
        use alloy::consensus::Transaction;
        let request = self.provider().get_transaction_by_hash(tx_hash);
        let found = within(format!("transaction {tx_hash}"), request).await?;
        Ok(found.map(|transaction| transaction.input().clone()))
    }
}
