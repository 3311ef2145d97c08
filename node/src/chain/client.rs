//! A provider that is known to speak to the chain of the addresses file.

use super::endpoint::{BlockHeader, EndpointFailure, block_header};
use super::error::ChainError;
use super::request::within;
use crate::config::ChainConfig;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use oml_contracts::{Addresses, EthAddress};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Provider and addresses of one chain. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChainClient {
    provider: DynProvider,
    addresses: Arc<Addresses>,
    /// Where the endpoint is, without path and query, which may hold a key.
    endpoint: Arc<str>,
    /// Hash of the first block when the client connected.
    genesis: B256,
    /// Why the endpoint's view is of no use at present, as the follower found it.
    wrong_view: Arc<Mutex<Option<ChainError>>>,
}

impl ChainClient {
    /// Connects to `rpc_url`, checks its chain id against `addresses`, and remembers its first
    /// block.
    ///
    /// # Errors
    /// [`ChainError::BadUrl`], [`ChainError::WrongChain`], [`ChainError::NoCode`], or
    /// [`ChainError::Rpc`] if the endpoint does not answer.
    pub async fn connect(rpc_url: &str, addresses: Addresses) -> Result<Self, ChainError> {
        let url: reqwest::Url = rpc_url
            .parse()
            .map_err(|source| ChainError::BadUrl { url: rpc_url.to_owned(), source })?;
        let endpoint = place(&url);
        let provider =
            ProviderBuilder::new().disable_recommended_fillers().connect_http(url).erased();
        let mut client = Self {
            provider,
            addresses: Arc::new(addresses),
            endpoint: endpoint.into(),
            genesis: B256::ZERO,
            wrong_view: Arc::default(),
        };
        client.check_chain_id().await?;
        client.check_code().await?;
        client.genesis = client.first_block().await?;
        Ok(client)
    }

    async fn check_chain_id(&self) -> Result<(), ChainError> {
        let what = format!("chain id of {}", self.endpoint);
        let found = within(what, self.provider.get_chain_id()).await?;
        if found == self.chain_id() {
            return Ok(());
        }
        let (url, expected) = (self.endpoint.to_string(), self.chain_id());
        Err(ChainError::WrongChain { url, expected, found })
    }

    /// Whether the endpoint still serves the chain that it served when the client connected.
    ///
    /// # Errors
    /// [`ChainError::WrongChain`], [`ChainError::OtherGenesis`], or that the endpoint fails.
    pub(crate) async fn check_identity(&self) -> Result<(), ChainError> {
        self.check_chain_id().await?;
        let found = self.first_block().await?;
        if found == self.genesis {
            return Ok(());
        }
        Err(ChainError::OtherGenesis { expected: self.genesis, found })
    }

    /// Keeps why the endpoint's view is of no use, for whoever asks how the node is.
    pub(crate) fn note_view(&self, wrong: Option<ChainError>) {
        *self.wrong_view.lock().unwrap_or_else(PoisonError::into_inner) = wrong;
    }

    /// Refuses to act, or to serve, on a view that is of no use: nonces, balances and licenses of
    /// another chain say nothing about this one.
    ///
    /// # Errors
    /// Why it is of no use.
    pub(crate) fn require_view(&self) -> Result<(), ChainError> {
        self.wrong_view().map_or(Ok(()), Err)
    }

    /// Why the endpoint's view was of no use when it was last looked at.
    pub(crate) fn wrong_view(&self) -> Option<ChainError> {
        self.wrong_view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the addresses file and connects.
    ///
    /// # Errors
    /// [`ChainError::Addresses`], and as [`ChainClient::connect`].
    pub async fn open(config: &ChainConfig) -> Result<Self, ChainError> {
        let addresses = Addresses::load(&config.addresses).map_err(|source| {
            ChainError::Addresses { path: config.addresses.clone(), source: Arc::new(source) }
        })?;
        Self::connect(&config.rpc_url, addresses).await
    }

    async fn check_code(&self) -> Result<(), ChainError> {
        for (name, address) in self.contracts() {
            let code =
                within(format!("code of {name}"), self.provider.get_code_at(address)).await?;
            if code.is_empty() {
                let address = EthAddress::from(address).to_string();
                return Err(ChainError::NoCode { name, address, chain_id: self.chain_id() });
            }
        }
        Ok(())
    }

    /// Number of the endpoint's newest block, asked for with little patience: for health checks.
    ///
    /// # Errors
    /// [`ChainError::Rpc`].
    pub(crate) async fn latest_block(&self) -> Result<u64, ChainError> {
        tokio::time::timeout(Duration::from_secs(3), self.provider.get_block_number())
            .await
            .map_err(|_| ChainError::NoAnswer { what: "newest block".to_owned(), seconds: 3 })?
            .map_err(|cause| ChainError::rpc("newest block", EndpointFailure::from(cause)))
    }

    /// Hash of the chain's first block, as it was when the client connected.
    #[must_use]
    pub const fn genesis(&self) -> B256 {
        self.genesis
    }

    async fn first_block(&self) -> Result<B256, ChainError> {
        let block = self.block(BlockNumberOrTag::Number(0)).await?;
        let what = "first block".to_owned();
        block.map(|block| block.hash).ok_or(ChainError::Missing { what })
    }

    /// A block by number or tag; none if the endpoint does not have it.
    ///
    /// # Errors
    /// The endpoint fails.
    pub(crate) async fn block(
        &self,
        tag: BlockNumberOrTag,
    ) -> Result<Option<BlockHeader>, ChainError> {
        within(format!("block {tag}"), block_header(&self.provider, tag)).await
    }

    /// Name and address of every core contract.
    #[must_use]
    pub fn contracts(&self) -> [(&'static str, Address); 7] {
        let a = &self.addresses;
        [
            (a.beacon.source.contract(), a.beacon.address.into()),
            ("LicenseRegistry", a.license_registry.into()),
            ("CollateralVault", a.collateral_vault.into()),
            ("PaymentEscrow", a.payment_escrow.into()),
            ("ProverRegistry", a.prover_registry.into()),
            ("Proofs", a.proofs.into()),
            ("Rounds", a.rounds.into()),
        ]
    }

    /// The provider, for reads.
    #[must_use]
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// Addresses of the contracts.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Id of the chain that the addresses file names.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.addresses.chain_id
    }
}

/// Where a URL points, without what may be secret in it.
fn place(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{host}{port}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_named_without_its_secrets() {
        for (url, shown) in [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("https://user:pw@rpc.example/v3/KEY?apikey=KEY", "https://rpc.example"),
            ("http://[::1]:9", "http://[::1]:9"),
        ] {
            assert_eq!(place(&url.parse().unwrap()), shown);
        }
    }
}
