//! A block's header as the proof of its `mixHash`.

use super::error::BeaconError;
use crate::chain::error::ChainError;
use crate::chain::request::within;
use alloy::primitives::{B256, Bytes, keccak256};
use alloy::providers::{DynProvider, Provider as _};
use alloy::rlp::Encodable as _;
use alloy::rpc::types::Header;

/// The header of a block as RLP, which hashes to what the endpoint calls the block's hash.
pub(super) async fn header_proof(provider: &DynProvider, block: u64) -> Result<Bytes, BeaconError> {
    let what = format!("header of block {block}");
    let found = within(&what, provider.get_block_by_number(block.into())).await?;
    let found = found.ok_or(ChainError::Missing { what })?;
    let (bytes, claimed) = (encoded(&found.header), found.header.hash);
    checked(block, bytes, claimed)
}

fn encoded(header: &Header) -> Bytes {
    let mut bytes = Vec::with_capacity(header.inner.length());
    header.inner.encode(&mut bytes);
    bytes.into()
}

/// A header whose bytes are not those of the block would cost a transaction that reverts.
fn checked(block: u64, bytes: Bytes, claimed: B256) -> Result<Bytes, BeaconError> {
    let computed = keccak256(&bytes);
    if computed == claimed {
        return Ok(bytes);
    }
    Err(BeaconError::FalseHeader { block, computed, claimed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::b256;

    #[test]
    fn a_header_is_refused_unless_it_hashes_to_its_blocks_hash() {
        let mut header = Header::new(alloy::consensus::Header {
            number: 7,
            mix_hash: b256!("0101010101010101010101010101010101010101010101010101010101010101"),
            base_fee_per_gas: Some(1),
            withdrawals_root: Some(B256::repeat_byte(2)),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::repeat_byte(3)),
            requests_hash: Some(B256::repeat_byte(4)),
            ..alloy::consensus::Header::default()
        });
        let bytes = checked(7, encoded(&header), header.hash).unwrap();
        assert_eq!(keccak256(&bytes), header.hash);

        // A server that would like another value.
        header.inner.mix_hash = B256::repeat_byte(9);
        let error = checked(7, encoded(&header), header.hash).unwrap_err();
        assert!(matches!(error, BeaconError::FalseHeader { block: 7, .. }), "{error}");
    }
}
