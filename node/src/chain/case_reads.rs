//! Reads that only cases need.

use alloy::primitives::{B256, Bytes};
use alloy::providers::Provider;

use super::client::within;
use super::{ChainClient, ChainError};

impl ChainClient {
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
