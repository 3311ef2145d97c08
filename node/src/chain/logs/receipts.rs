//! All logs of a block, as its receipts have them.

use crate::chain::endpoint::BlockHeader;
use crate::chain::endpoints::Endpoint;
use crate::chain::error::ChainError;
use crate::chain::request::within;
use alloy::primitives::B256;
use alloy::providers::Provider;
use alloy::rpc::types::Log;
use alloy::transports::TransportResult;
use serde::Deserialize;

/// A receipt, without what nobody here needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentReceipt {
    block_hash: B256,
    logs: Vec<Log>,
}

/// The transactions of a block.
#[derive(Debug, Deserialize)]
struct SentBlock {
    transactions: Vec<B256>,
}

/// Logs of all transactions of a block, in order.
///
/// # Errors
/// The endpoint fails, or does not have the block's receipts.
pub(super) async fn logs_of_receipts(
    endpoint: &Endpoint,
    block: &BlockHeader,
) -> Result<Vec<Log>, ChainError> {
    let what = || format!("receipts of block {}", block.number);
    let number = format!("{:#x}", block.number);
    let asked = endpoint.provider().raw_request("eth_getBlockReceipts".into(), (number,));
    let sent: Option<Vec<SentReceipt>> = match within(what(), asked).await {
        // Not every endpoint has the method; all have the receipt of a transaction.
        Err(error) if error.is_refusal() => {
            tracing::debug!(%error, "no receipts of a whole block; asking for each transaction's");
            within(what(), by_transaction(endpoint.provider(), block.hash)).await?
        }
        sent => sent?,
    };
    let receipts = sent.ok_or_else(|| ChainError::Missing { what: what() })?;
    if receipts.iter().any(|receipt| receipt.block_hash != block.hash) {
        // The chain changed between two requests.
        return Err(ChainError::Missing { what: what() });
    }
    Ok(receipts.into_iter().flat_map(|receipt| receipt.logs).collect())
}

async fn by_transaction(
    provider: &impl Provider,
    block: B256,
) -> TransportResult<Option<Vec<SentReceipt>>> {
    let sent: Option<SentBlock> =
        provider.raw_request("eth_getBlockByHash".into(), (block, false)).await?;
    let Some(sent) = sent else { return Ok(None) };
    let mut receipts = Vec::with_capacity(sent.transactions.len());
    for transaction in sent.transactions {
        let receipt: Option<SentReceipt> =
            provider.raw_request("eth_getTransactionReceipt".into(), (transaction,)).await?;
        let Some(receipt) = receipt else { return Ok(None) };
        receipts.push(receipt);
    }
    Ok(Some(receipts))
}
