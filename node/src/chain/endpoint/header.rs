//! The part of a block's header that everybody needs.

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{B256, Bloom, U64};
use alloy::providers::Provider;
use alloy::rpc::client::BatchRequest;
use alloy::transports::TransportResult;
use serde::Deserialize;

/// A block, without what only a proof of its header needs. Endpoints leave out some of the other
/// fields or set them to null, and nothing is lost by that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// How many blocks stand before it on its chain.
    pub number: u64,
    /// Keccak-256 of the whole header, as the endpoint says it.
    pub hash: B256,
    /// Hash of the block before it.
    pub parent_hash: B256,
    /// Its time, Unix seconds.
    pub timestamp: u64,
    /// What a transaction burns per gas in it, in wei; none on chains without EIP-1559, and where
    /// the endpoint leaves it out.
    pub base_fee_per_gas: Option<u64>,
    /// Filter over addresses and topics of all its logs; none where the endpoint leaves it out.
    pub logs_bloom: Option<Bloom>,
}

/// The same as JSON-RPC has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentHeader {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
    #[serde(default)]
    base_fee_per_gas: Option<U64>,
    #[serde(default)]
    logs_bloom: Option<Bloom>,
}

impl From<SentHeader> for BlockHeader {
    fn from(sent: SentHeader) -> Self {
        Self {
            number: sent.number.to(),
            hash: sent.hash,
            parent_hash: sent.parent_hash,
            timestamp: sent.timestamp.to(),
            base_fee_per_gas: sent.base_fee_per_gas.map(|fee| fee.to()),
            logs_bloom: sent.logs_bloom,
        }
    }
}

/// A block by number or tag; none if the endpoint does not have it.
///
/// # Errors
/// The endpoint fails.
pub async fn block_header(
    provider: &impl Provider,
    tag: BlockNumberOrTag,
) -> TransportResult<Option<BlockHeader>> {
    let sent: Option<SentHeader> =
        provider.raw_request("eth_getBlockByNumber".into(), (tag, false)).await?;
    Ok(sent.map(BlockHeader::from))
}

/// Blocks by number, in one batch of requests, as far as the endpoint has them.
///
/// # Errors
/// The endpoint fails, or refuses the batch.
pub(crate) async fn block_headers(
    provider: &impl Provider,
    numbers: std::ops::RangeInclusive<u64>,
) -> TransportResult<Vec<BlockHeader>> {
    let mut batch = BatchRequest::new(provider.client());
    let mut waiters = Vec::new();
    for number in numbers {
        let params = (BlockNumberOrTag::Number(number), false);
        waiters.push(batch.add_call::<_, Option<SentHeader>>("eth_getBlockByNumber", &params)?);
    }
    batch.send().await?;
    let mut headers = Vec::with_capacity(waiters.len());
    for waiter in waiters {
        let Some(sent) = waiter.await? else { break };
        headers.push(sent.into());
    }
    Ok(headers)
}
