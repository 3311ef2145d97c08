//! Currencies as the chain describes them, read once per process.

use super::Chain;
use super::rpc::{RpcConnection, rpc_failure};
use crate::error::{FailureKind, HintExt as _, Result, fail};
use crate::money::{Currency, Money, native_currency};
use alloy::network::TransactionBuilder as _;
use alloy::primitives::{B256, Bytes};
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::Token;

impl Chain {
    /// What `holder` has in its own hands.
    ///
    /// # Errors
    /// Network failure, or as [`RpcConnection::currency`].
    pub(crate) async fn wallet(&self, currency: EthAddress, holder: EthAddress) -> Result<Money> {
        let known = self.currency(currency).await?;
        if currency.is_zero() {
            return Ok(known.units(self.rpc().native_balance(holder).await?));
        }
        let call = Token::balanceOfCall { account: holder.into() };
        Ok(known.units(self.read(currency.into(), call).await?))
    }
}

impl RpcConnection {
    /// The token at `address`, or with the zero address the chain's own currency.
    ///
    /// # Errors
    /// Network failure, no contract there, or a contract that does not say how many decimals it
    /// has.
    pub async fn currency(&self, address: EthAddress) -> Result<Currency> {
        if let Some(known) = self.currencies().get(address) {
            return Ok(known);
        }
        let currency = if address.is_zero() {
            native_currency(self.chain_id().await?)
        } else {
            self.token(address).await?
        };
        self.currencies().keep(&currency);
        Ok(currency)
    }

    async fn token(&self, address: EthAddress) -> Result<Currency> {
        let no_token = |why: &str| {
            fail(
                format!("{address} is no ERC-20 token on this chain: {why}"),
                "check the address and --rpc-url; `native` names the chain's own currency",
                FailureKind::Failed,
            )
        };
        if self.code_length(address).await.during("the token's code could not be read")? == 0 {
            return Err(no_token("there is no contract"));
        }
        let decimals = self.ask(address, &Token::decimalsCall {}).await?;
        let decimals =
            decimals.and_then(|data| Token::decimalsCall::abi_decode_returns(&data).ok());
        let decimals =
            decimals.ok_or_else(|| no_token("it does not say how many decimals it has"))?;
        let symbol = self.ask(address, &Token::symbolCall {}).await?;
        let symbol = symbol.as_ref().and_then(symbol_of).unwrap_or_default();
        Ok(Currency::new(address, &symbol, decimals))
    }

    /// What a view function returns; none if it reverts.
    async fn ask<C: SolCall>(&self, to: EthAddress, call: &C) -> Result<Option<Bytes>> {
        let request =
            TransactionRequest::default().with_to(to.into()).with_input(call.abi_encode());
        match self.provider().call(request).latest().await {
            Ok(data) => Ok(Some(data)),
            // An answer, though an error: the contract has no such function.
            Err(error) if error.as_error_resp().is_some() => Ok(None),
            Err(error) => Err(rpc_failure(C::SIGNATURE, error)),
        }
    }
}

/// A symbol as text, or as 32 bytes, as the oldest tokens have it.
fn symbol_of(data: &Bytes) -> Option<String> {
    if let Ok(text) = Token::symbolCall::abi_decode_returns(data) {
        return Some(text);
    }
    let word = B256::try_from(data.as_ref()).ok()?;
    let text: Vec<u8> = word.iter().copied().take_while(|byte| *byte != 0).collect();
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_text_or_32_bytes() {
        let text = Token::symbolCall::abi_encode_returns(&"USDC".to_owned());
        assert_eq!(symbol_of(&text.into()).as_deref(), Some("USDC"));
        let mut word = [0; 32];
        word[..3].copy_from_slice(b"MKR");
        assert_eq!(symbol_of(&word.to_vec().into()).as_deref(), Some("MKR"));
        assert_eq!(symbol_of(&Bytes::new()), None);
    }
}
