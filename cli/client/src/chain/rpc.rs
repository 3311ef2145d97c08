//! The connection to a chain's endpoint, and its errors as ours.

use super::known_currencies::KnownCurrencies;
use crate::error::{ClientError, FailureKind, HintExt, Result, fail};
use alloy::eips::BlockNumberOrTag;
use alloy::network::EthereumWallet;
use alloy::primitives::U256;
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::transports::{RpcError, TransportError};
use oml_contracts::EthAddress;
use oml_node::chain::beacon::Present;
use oml_node::chain::{AccountSigner, EndpointFailure, EndpointFiller, block_header};
use std::time::Duration;

/// A connection to a chain's JSON-RPC endpoint, which may be able to sign.
#[derive(Clone, Debug)]
pub struct RpcConnection {
    provider: DynProvider,
    url: String,
    account: Option<AccountSigner>,
    currencies: KnownCurrencies,
}

impl RpcConnection {
    /// Connects for reading.
    ///
    /// # Errors
    /// Malformed URL.
    pub fn reading(url: &str) -> Result<Self> {
        Self::open(url, None)
    }

    /// Connects so that `account` can send.
    ///
    /// # Errors
    /// Malformed URL.
    pub fn signing(url: &str, account: impl Into<AccountSigner>) -> Result<Self> {
        Self::open(url, Some(account.into()))
    }

    fn open(rpc_url: &str, account: Option<AccountSigner>) -> Result<Self> {
        let url = rpc_url.parse().hint(
            format!("--rpc-url {rpc_url:?} is not a URL"),
            "give something like http://127.0.0.1:8545",
            FailureKind::Network,
        )?;
        let builder = ProviderBuilder::new().disable_recommended_fillers();
        let builder = builder.filler(EndpointFiller).fetch_chain_id();
        let provider = match &account {
            Some(account) => {
                let wallet = EthereumWallet::from(account.clone());
                builder.wallet(wallet).connect_http(url).erased()
            }
            None => builder.connect_http(url).erased(),
        };
        // Below the shortest block time in use; alloy's default for unknown chains is 7 s.
        provider.client().set_poll_interval(Duration::from_millis(200));
        let (url, currencies) = (rpc_url.to_owned(), KnownCurrencies::default());
        Ok(Self { provider, url, account, currencies })
    }

    /// The endpoint's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Who sends.
    ///
    /// # Errors
    /// There is no signer.
    pub fn account(&self) -> Result<&AccountSigner> {
        self.account.as_ref().ok_or_else(|| {
            fail("this command needs a signer", "see `oml help` under Signer", FailureKind::Signer)
        })
    }

    /// The chain's id.
    ///
    /// # Errors
    /// Nothing answers there.
    pub async fn chain_id(&self) -> Result<u64> {
        self.provider.get_chain_id().await.map_err(|e| no_chain(&self.url, e.into()))
    }

    /// Number of the newest block.
    ///
    /// # Errors
    /// Network failure.
    pub async fn block_number(&self) -> Result<u64> {
        self.provider.get_block_number().await.map_err(|e| rpc_failure("block number", e))
    }

    /// Time of the newest block, Unix seconds.
    ///
    /// # Errors
    /// Network failure.
    pub async fn now(&self) -> Result<u64> {
        Ok(self.present().await?.time)
    }

    /// The newest block.
    ///
    /// # Errors
    /// Network failure.
    pub(crate) async fn present(&self) -> Result<Present> {
        let block = block_header(&self.provider, BlockNumberOrTag::Latest).await;
        let block = block.map_err(|e| rpc_failure("block", e))?;
        let block = block.ok_or_else(|| ClientError::Other("the chain has no latest block".into()));
        let block = block?;
        Ok(Present { block: block.number, time: block.timestamp })
    }

    /// Bytes of code at an address.
    ///
    /// # Errors
    /// Network failure, in the transport's own words.
    pub async fn code_length(&self, address: EthAddress) -> Result<usize> {
        let code = self.provider.get_code_at(address.into()).await;
        Ok(code.map_err(|e| ClientError::Other(EndpointFailure::from(e).into()))?.len())
    }

    /// Native currency of an account, in wei.
    ///
    /// # Errors
    /// Network failure.
    pub async fn native_balance(&self, account: EthAddress) -> Result<U256> {
        let balance = self.provider.get_balance(account.into()).await;
        balance.map_err(|e| rpc_failure("balance", e))
    }

    /// Currencies that were read before.
    pub(super) const fn currencies(&self) -> &KnownCurrencies {
        &self.currencies
    }

    /// What everything else is asked through.
    pub(crate) const fn provider(&self) -> &DynProvider {
        &self.provider
    }
}

/// Turns an RPC error into one of ours: reverts by name, the rest as network trouble.
pub(crate) fn rpc_failure(what: &str, error: TransportError) -> ClientError {
    if let Some(data) = error.as_error_resp().and_then(|p| p.as_revert_data()) {
        return refused(what, &data);
    }
    if let RpcError::LocalUsageError(cause) = &error
        && let Some(refused) = cause.downcast_ref::<alloy::signers::Error>()
    {
        return fail(
            format!("{what}: {}", with_causes(refused)),
            "nothing was sent; see docs/cli.md under Remote signers for what a cloud's key needs",
            FailureKind::Signer,
        );
    }
    let failure = EndpointFailure::from(error);
    let hint = failure.remedy().unwrap_or(ITS_WORDS);
    ClientError::During {
        message: format!("{what}: the chain's endpoint returned an error ({hint})"),
        cause: failure.into(),
    }
}

const ITS_WORDS: &str = "the node's message says why";

/// Says why no chain's endpoint answers at `url`, and what to do: something else than a chain may
/// well answer there.
fn no_chain(url: &str, failure: EndpointFailure) -> ClientError {
    let (message, hint) = match &failure {
        EndpointFailure::Unreachable { .. } => (
            format!("no chain answers at {url}"),
            "start one (`anvil`) or name another with --rpc-url".to_owned(),
        ),
        other => (
            format!("the endpoint at {url} does not say which chain it is"),
            format!("{}; --rpc-url names another one", other.remedy().unwrap_or(ITS_WORDS)),
        ),
    };
    ClientError::Explained {
        message,
        hint,
        kind: FailureKind::Network,
        revert: None,
        cause: Some(failure.into()),
    }
}

/// An error and what caused it, as one line: a cloud's own words are the innermost.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What a contract reverted with, by name.
pub(super) fn refused(what: &str, data: &[u8]) -> ClientError {
    let selector: Option<[u8; 4]> = data.first_chunk().copied();
    let of_token = selector.and_then(|found| TOKEN_ERRORS.iter().find(|(s, ..)| *s == found));
    let (reason, remedy) = match of_token {
        Some((_, name, meaning)) => {
            ((*name).to_owned(), format!("{meaning}; check what you have with `oml balance show`"))
        }
        None => {
            let name = oml_contracts::rpc::reverts::decode(data);
            let shown = || match data {
                [] => "it reverts without a reason".to_owned(),
                data => format!("revert data {}", alloy::hex::encode_prefixed(data)),
            };
            let remedy = "the error's name and values say which rule it breaks".to_owned();
            (name.unwrap_or_else(shown), remedy)
        }
    };
    ClientError::reverted(
        format!("{what}: the contract refuses: {reason}"),
        &format!("this transaction was not sent; {remedy}"),
        selector,
    )
}

/// Errors of tokens and of the libraries that move them: selector, name, meaning.
const TOKEN_ERRORS: [([u8; 4], &str, &str); 8] = [
    ([0x79, 0x39, 0xf4, 0x24], "TransferFromFailed()", NOT_PULLED),
    ([0x90, 0xb8, 0xec, 0x18], "TransferFailed()", "the token did not pay out"),
    ([0x3e, 0x3f, 0x8f, 0x73], "ApproveFailed()", "the token refused the approval"),
    ([0xb1, 0x2d, 0x13, 0xeb], "ETHTransferFailed()", "the receiver takes no native currency"),
    ([0xf4, 0xd6, 0x78, 0xb8], "InsufficientBalance()", NOT_PULLED),
    ([0x13, 0xbe, 0x25, 0x2b], "InsufficientAllowance()", NOT_PULLED),
    ([0xe4, 0x50, 0xd3, 0x8c], "ERC20InsufficientBalance", NOT_PULLED),
    ([0xfb, 0x8f, 0x41, 0xb2], "ERC20InsufficientAllowance", NOT_PULLED),
];

const NOT_PULLED: &str = "the token could not be pulled: the balance or the allowance is too small, or the token is \
     paused or has blocked an account";

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::keccak256;

    #[test]
    fn errors_of_tokens_have_a_name_and_a_remedy() {
        for (selector, name, _) in TOKEN_ERRORS {
            let signature = match name {
                "ERC20InsufficientBalance" | "ERC20InsufficientAllowance" => {
                    format!("{name}(address,uint256,uint256)")
                }
                _ => name.to_owned(),
            };
            assert_eq!(keccak256(signature)[..4], selector, "{name}");
        }
        let error = refused("acquire license", &[0x79, 0x39, 0xf4, 0x24]);
        assert_eq!(
            error.to_string(),
            "acquire license: the contract refuses: TransferFromFailed()"
        );
        let (hint, kind) = crate::error::find(&error);
        assert!(hint.unwrap().contains("balance or the allowance"), "{hint:?}");
        assert_eq!(kind, FailureKind::Reverted);
    }
}
