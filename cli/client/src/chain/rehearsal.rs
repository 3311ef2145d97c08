//! Rehearsals: several calls of the signer, one after the other, as if they were sent.
//!
//! One call is an `eth_call`. Several are an `eth_simulateV1`, in which the second sees what the
//! first has done, so that a payment can be rehearsed by an account that has approved nothing.

use super::rpc::refused;
use super::{Call, Chain, Sent, TxRecord};
use crate::error::Result;
use alloy::primitives::Bytes;
use alloy::providers::Provider as _;
use alloy::rpc::types::simulate::{SimBlock, SimCallResult, SimulatePayload};

/// What the calls would do. None if the chain's endpoint can't play several of them.
///
/// # Errors
/// A call that the contracts would refuse, or network failure.
pub(super) async fn rehearse(chain: &Chain, calls: &[Call]) -> Result<Option<Vec<Sent>>> {
    if let [only] = calls {
        return Ok(Some(vec![chain.simulate(only).await?]));
    }
    let from = chain.sender()?;
    let requests = calls.iter().map(|call| call.request(from));
    let payload = SimulatePayload {
        block_state_calls: vec![SimBlock::default().extend_calls(requests)],
        trace_transfers: false,
        validation: false,
        return_full_transactions: false,
    };
    let blocks = match chain.provider().simulate(&payload).await {
        Ok(blocks) => blocks,
        // Endpoints refuse what they don't know in many ways; one that is gone fails the next call.
        Err(error) => {
            tracing::debug!(%error, "the chain's endpoint can't rehearse several calls");
            return Ok(None);
        }
    };
    let results: Vec<SimCallResult> = blocks.into_iter().flat_map(|block| block.calls).collect();
    if results.len() != calls.len() {
        return Ok(None);
    }
    let mut sent = Vec::new();
    for (call, result) in calls.iter().zip(results) {
        if !result.status {
            return Err(refused(&call.step, &revert_data(&result)));
        }
        let native = chain.native().await?;
        let record = TxRecord::simulated(call, from, result.gas_used, native.units(call.value));
        sent.push(Sent { record, returned: result.return_data, receipt: None });
    }
    Ok(Some(sent))
}

/// What a call reverted with, wherever the endpoint puts it.
fn revert_data(result: &SimCallResult) -> Bytes {
    if !result.return_data.is_empty() {
        return result.return_data.clone();
    }
    result.error.as_ref().and_then(|error| error.data.clone()).unwrap_or_default()
}
