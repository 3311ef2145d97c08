//! Nonce, gas and fees of transactions that somebody else's code sends.

use super::fees::{FeesPerGas, estimate_fees};
use super::newest::on_newest_state;
use alloy::network::{Ethereum, TransactionBuilder as _};
use alloy::providers::fillers::{FillerControlFlow, TxFiller};
use alloy::providers::{Provider, SendableTx};
use alloy::rpc::types::TransactionRequest;
use alloy::transports::{TransportErrorKind, TransportResult};

/// Fills in what a transaction lacks of nonce, gas and fees, on any endpoint that this program gets
/// along with. It takes the place of the fillers of the provider's library, which need a pending
/// block and a fee history. Nonces are asked for each time: one that was counted ahead stays ahead
/// for ever after a reorg or a dropped transaction.
#[derive(Clone, Copy, Debug, Default)]
pub struct EndpointFiller;

/// What [`EndpointFiller`] fills in.
#[derive(Clone, Copy, Debug)]
pub struct FilledFields {
    nonce: u64,
    gas: u64,
    fees: FeesPerGas,
}

impl TxFiller<Ethereum> for EndpointFiller {
    type Fillable = FilledFields;

    fn status(&self, tx: &TransactionRequest) -> FillerControlFlow {
        let fees = tx.max_fee_per_gas.is_some() && tx.max_priority_fee_per_gas.is_some();
        if tx.nonce.is_some() && tx.gas.is_some() && (fees || tx.gas_price.is_some()) {
            FillerControlFlow::Finished
        } else if tx.from.is_none() {
            FillerControlFlow::missing("EndpointFiller", vec!["from"])
        } else {
            FillerControlFlow::Ready
        }
    }

    fn fill_sync(&self, _tx: &mut SendableTx<Ethereum>) {}

    async fn prepare<P: Provider<Ethereum>>(
        &self,
        provider: &P,
        tx: &TransactionRequest,
    ) -> TransportResult<FilledFields> {
        let from = tx.from.ok_or_else(|| TransportErrorKind::custom_str("nobody sends it"))?;
        let nonce = match tx.nonce {
            Some(nonce) => nonce,
            None => {
                on_newest_state(|block| provider.get_transaction_count(from).block_id(block))
                    .await?
            }
        };
        let gas = match tx.gas {
            Some(gas) => gas,
            None => on_newest_state(|block| provider.estimate_gas(tx.clone()).block(block)).await?,
        };
        let fees = match (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) {
            (Some(max_fee), Some(tip)) => FeesPerGas { max_fee, tip, is_price: false },
            _ => estimate_fees(provider).await?,
        };
        Ok(FilledFields { nonce, gas, fees })
    }

    async fn fill(
        &self,
        filled: FilledFields,
        mut tx: SendableTx<Ethereum>,
    ) -> TransportResult<SendableTx<Ethereum>> {
        if let Some(request) = tx.as_mut_builder() {
            request.set_nonce(filled.nonce);
            request.set_gas_limit(filled.gas);
            if request.gas_price.is_none() && filled.fees.is_price {
                request.set_gas_price(filled.fees.max_fee);
            } else if request.gas_price.is_none() {
                request.set_max_fee_per_gas(filled.fees.max_fee);
                request.set_max_priority_fee_per_gas(filled.fees.tip);
            }
        }
        Ok(tx)
    }
}
