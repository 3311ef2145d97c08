//! What a transaction should offer per gas.

use super::header::block_header;
use alloy::eips::BlockNumberOrTag;
use alloy::eips::eip1559::Eip1559Estimation;
use alloy::providers::Provider;
use alloy::transports::{RpcError, TransportError, TransportResult};

/// Fees per gas as the chain's last blocks suggest them; where the endpoint has no fee history, as
/// its gas price does.
///
/// # Errors
/// The endpoint fails, or knows neither.
pub(crate) async fn estimate_fees(provider: &impl Provider) -> TransportResult<Eip1559Estimation> {
    match provider.estimate_eip1559_fees().await {
        Err(error) if lacks_history(&error) => {
            tracing::debug!(%error, "no fee history; going by the gas price");
            let price = provider.get_gas_price().await?;
            let newest = block_header(provider, BlockNumberOrTag::Latest).await?;
            Ok(fees_of_price(price, newest.and_then(|block| block.base_fee_per_gas)))
        }
        other => other,
    }
}

/// An answer, though not the one that was asked for. A network that fails is asked again instead.
const fn lacks_history(error: &TransportError) -> bool {
    matches!(
        error,
        RpcError::ErrorResp(_)
            | RpcError::NullResp
            | RpcError::UnsupportedFeature(_)
            | RpcError::DeserError { .. }
    )
}

/// Fees from a gas price, which is what a transaction of the next block pays in all. Without a base
/// fee, cap and tip are the price: such a transaction pays as one of the old kind does.
fn fees_of_price(price: u128, base_fee: Option<u64>) -> Eip1559Estimation {
    let Some(base) = base_fee.map(u128::from).filter(|base| *base > 0) else {
        return Eip1559Estimation { max_fee_per_gas: price, max_priority_fee_per_gas: price };
    };
    let tip = price.saturating_sub(base).max(1);
    Eip1559Estimation {
        max_fee_per_gas: base.saturating_mul(2).saturating_add(tip),
        max_priority_fee_per_gas: tip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gas_price_becomes_a_cap_and_a_tip() {
        for (price, base, cap, tip) in [
            (12, Some(10), 22, 2),
            (10, Some(10), 21, 1),
            // The price is of an older block.
            (8, Some(10), 21, 1),
            (12, Some(0), 12, 12),
            (12, None, 12, 12),
            (0, None, 0, 0),
            (u128::MAX, Some(u64::MAX), u128::MAX, u128::MAX - u128::from(u64::MAX)),
        ] {
            let fees = fees_of_price(price, base);
            let found = (fees.max_fee_per_gas, fees.max_priority_fee_per_gas);
            assert_eq!(found, (cap, tip), "{price} {base:?}");
            assert!(tip <= cap);
        }
    }
}
