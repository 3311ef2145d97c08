//! What a transaction should offer per gas.

use super::header::block_header;
use alloy::eips::BlockNumberOrTag;
use alloy::providers::Provider;
use alloy::transports::{RpcError, TransportError, TransportResult};

/// What a transaction offers per gas, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeesPerGas {
    /// Most that it pays in all.
    pub(crate) max_fee: u128,
    /// Most that goes to whoever includes it.
    pub(crate) tip: u128,
    /// Blocks have no base fee, so that only a transaction with a gas price, which is the cap, is
    /// sure to be taken.
    pub(crate) is_price: bool,
}

/// Fees per gas as the chain's last blocks suggest them; where the endpoint has no fee history, as
/// its gas price does.
///
/// # Errors
/// The endpoint fails, or knows neither.
pub(crate) async fn estimate_fees(provider: &impl Provider) -> TransportResult<FeesPerGas> {
    match provider.estimate_eip1559_fees().await {
        Err(error) if lacks_history(&error) => {
            tracing::debug!(%error, "no fee history; going by the gas price");
            let price = provider.get_gas_price().await?;
            let newest = block_header(provider, BlockNumberOrTag::Latest).await?;
            Ok(fees_of_price(price, newest.and_then(|block| block.base_fee_per_gas)))
        }
        other => other.map(|fees| FeesPerGas {
            max_fee: fees.max_fee_per_gas,
            tip: fees.max_priority_fee_per_gas,
            is_price: false,
        }),
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
/// fee it is all that can be offered: chains without EIP-1559 take no transaction with a cap.
fn fees_of_price(price: u128, base_fee: Option<u64>) -> FeesPerGas {
    let Some(base) = base_fee.map(u128::from).filter(|base| *base > 0) else {
        return FeesPerGas { max_fee: price, tip: price, is_price: true };
    };
    let tip = price.saturating_sub(base).max(1);
    let max_fee = base.saturating_mul(2).saturating_add(tip);
    FeesPerGas { max_fee, tip, is_price: false }
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
            assert_eq!((fees.max_fee, fees.tip), (cap, tip), "{price} {base:?}");
            assert_eq!(fees.is_price, base.is_none_or(|base| base == 0));
            assert!(tip <= cap);
        }
    }
}
