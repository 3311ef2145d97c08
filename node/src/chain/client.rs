//! A provider that is known to speak to the chain of the addresses file.

use super::error::ChainError;
use super::request::within;
use crate::config::ChainConfig;
use alloy::consensus::Transaction as _;
use alloy::primitives::{Address, B256, Bytes};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use oml_contracts::{Addresses, EthAddress};
use std::sync::Arc;
use std::time::Duration;

/// Provider and addresses of one chain. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChainClient {
    provider: DynProvider,
    addresses: Arc<Addresses>,
}

impl ChainClient {
    /// Connects to `rpc_url` and checks its chain id against `addresses`.
    ///
    /// # Errors
    /// [`ChainError::BadUrl`], [`ChainError::WrongChain`], [`ChainError::NoCode`], or
    /// [`ChainError::Rpc`] if the endpoint does not answer.
    pub async fn connect(rpc_url: &str, addresses: Addresses) -> Result<Self, ChainError> {
        let url: reqwest::Url = rpc_url
            .parse()
            .map_err(|source| ChainError::BadUrl { url: rpc_url.to_owned(), source })?;
        let provider =
            ProviderBuilder::new().disable_recommended_fillers().connect_http(url).erased();
        let found = within(format!("chain id of {rpc_url}"), provider.get_chain_id()).await?;
        if found != addresses.chain_id {
            return Err(ChainError::WrongChain {
                url: rpc_url.to_owned(),
                expected: addresses.chain_id,
                found,
            });
        }
        let client = Self { provider, addresses: Arc::new(addresses) };
        client.check_code().await?;
        Ok(client)
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
    pub async fn latest_block(&self) -> Result<u64, ChainError> {
        tokio::time::timeout(Duration::from_secs(3), self.provider.get_block_number())
            .await
            .map_err(|_| ChainError::NoAnswer { what: "newest block".to_owned(), seconds: 3 })?
            .map_err(|cause| ChainError::rpc("newest block", cause))
    }

    /// Hash of the chain's first block.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn genesis(&self) -> Result<B256, ChainError> {
        let block = within("first block", self.provider.get_block_by_number(0.into())).await?;
        block
            .map(|block| block.header.hash)
            .ok_or_else(|| ChainError::unexpected("first block", "the endpoint does not have it"))
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

    /// Call data of a mined transaction; `None` if the endpoint does not know it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn transaction_input(&self, tx_hash: B256) -> Result<Option<Bytes>, ChainError> {
        let request = self.provider().get_transaction_by_hash(tx_hash);
        let found = within(format!("transaction {tx_hash}"), request).await?;
        Ok(found.map(|transaction| transaction.input().clone()))
    }
}
