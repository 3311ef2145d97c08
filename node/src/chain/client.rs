//! A provider that is known to speak to the chain of the addresses file.

use super::endpoint::EndpointFailure;
use super::endpoints::{ChainIdentity, Endpoint, Endpoints};
use super::error::ChainError;
use super::request::within;
use crate::config::{ChainConfig, EndpointUrl};
use alloy::primitives::{Address, B256};
use alloy::providers::{DynProvider, Provider};
use oml_contracts::{Addresses, EthAddress};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Blocks of one log query where no configuration says how many.
const DEFAULT_LOG_RANGE: u64 = 5_000;

/// Endpoints and addresses of one chain. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ChainClient {
    endpoints: Endpoints,
    addresses: Arc<Addresses>,
    /// Chain id and first block, as they were when the client connected.
    identity: ChainIdentity,
    /// What is wrong with the view at present.
    view: Arc<Mutex<View>>,
}

/// Why acting on what the endpoints say is of no use, or not safe.
#[derive(Debug, Default)]
struct View {
    /// Of all that they say, as the follower found it.
    wrong: Option<ChainError>,
    /// Of single states, by what was asked.
    disputed: BTreeMap<String, ChainError>,
}

impl ChainClient {
    /// Connects to the endpoint `rpc_url`, checks its chain id against `addresses`, and remembers
    /// its first block.
    ///
    /// # Errors
    /// [`ChainError::BadUrl`], [`ChainError::WrongChain`], [`ChainError::NoCode`], or
    /// [`ChainError::Rpc`] if the endpoint does not answer.
    pub async fn connect(rpc_url: &str, addresses: Addresses) -> Result<Self, ChainError> {
        let url = EndpointUrl::parse(rpc_url).map_err(ChainError::BadUrl)?;
        Self::connect_to(&[url], addresses, DEFAULT_LOG_RANGE).await
    }

    /// Connects to the first of `urls` that serves the chain of `addresses`; the others are checked
    /// when the chain is followed.
    pub(super) async fn connect_to(
        urls: &[EndpointUrl],
        addresses: Addresses,
        max_log_range: u64,
    ) -> Result<Self, ChainError> {
        let endpoints = Endpoints::new(urls, max_log_range);
        let identity = ChainIdentity { chain_id: addresses.chain_id, genesis: B256::ZERO };
        let (addresses, view) = (Arc::new(addresses), Arc::default());
        let mut client = Self { endpoints, addresses, identity, view };
        let mut failed = None;
        for endpoint in client.endpoints.all() {
            match client.first_block_of(endpoint).await {
                Ok(genesis) => {
                    client.identity.genesis = genesis;
                    return Ok(client);
                }
                Err(error) => {
                    tracing::warn!(endpoint = endpoint.shown(), %error, "the endpoint is not used");
                    failed.get_or_insert(error);
                }
            }
        }
        let nobody = ChainError::Missing { what: "an endpoint of the chain".to_owned() };
        Err(failed.unwrap_or(nobody))
    }

    /// Checks an endpoint as a person would who has just configured it.
    async fn first_block_of(&self, endpoint: &Endpoint) -> Result<B256, ChainError> {
        endpoint.check_chain_id(self.chain_id()).await?;
        self.check_code(endpoint).await?;
        endpoint.first_block().await
    }

    /// Asks the endpoints whether they still serve the chain that was served when the client
    /// connected, and agree about block `finalized`.
    ///
    /// # Errors
    /// [`ChainError::WrongChain`], [`ChainError::OtherGenesis`], or that none answers.
    pub(crate) async fn survey(&self, finalized: u64) -> Result<(), ChainError> {
        self.endpoints.survey(&self.identity, finalized).await
    }

    /// The endpoints of the chain.
    pub(crate) const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Keeps why the endpoint's view is of no use, for whoever asks how the node is.
    pub(crate) fn note_view(&self, wrong: Option<ChainError>) {
        self.view().wrong = wrong;
    }

    /// Refuses to act, or to serve, on a view that is of no use: nonces, balances and licenses of
    /// another chain say nothing about this one.
    ///
    /// # Errors
    /// Why it is of no use.
    pub(crate) fn require_view(&self) -> Result<(), ChainError> {
        self.wrong_view().map_or(Ok(()), Err)
    }

    /// Why the endpoints' view was of no use when it was last looked at.
    pub(crate) fn wrong_view(&self) -> Option<ChainError> {
        self.view().wrong.clone().or_else(|| self.endpoints.contradiction())
    }

    /// Keeps that endpoints disagree about a single state, or that they agree again.
    pub(crate) fn note_dispute(&self, what: &str, dispute: Option<ChainError>) {
        let mut view = self.view();
        match dispute {
            Some(error) => drop(view.disputed.insert(what.to_owned(), error)),
            None => drop(view.disputed.remove(what)),
        }
    }

    /// All that is wrong with what the endpoints say: with the whole view, with single states, and
    /// with endpoints that are not used because of it.
    pub(crate) fn problems(&self) -> Vec<ChainError> {
        let mut problems: Vec<_> = self.wrong_view().into_iter().collect();
        problems.extend(self.view().disputed.values().cloned());
        problems.extend(self.endpoints.all().iter().filter_map(|one| one.fault()));
        let mut said = BTreeSet::new();
        problems.retain(|problem| said.insert(problem.to_string()));
        problems
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the addresses file and connects.
    ///
    /// # Errors
    /// [`ChainError::Addresses`], and as [`ChainClient::connect`].
    pub async fn open(config: &ChainConfig) -> Result<Self, ChainError> {
        let addresses = Addresses::load(&config.addresses).map_err(|source| {
            ChainError::Addresses { path: config.addresses.clone(), source: Arc::new(source) }
        })?;
        let urls = config.endpoints().map_err(ChainError::BadUrl)?;
        Self::connect_to(&urls, addresses, config.max_log_range).await
    }

    async fn check_code(&self, endpoint: &Endpoint) -> Result<(), ChainError> {
        for (name, address) in self.contracts() {
            let code = endpoint.provider().get_code_at(address);
            let code = within(format!("code of {name}"), code).await?;
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
        tokio::time::timeout(Duration::from_secs(3), self.provider().get_block_number())
            .await
            .map_err(|_| ChainError::NoAnswer { what: "newest block".to_owned(), seconds: 3 })?
            .map_err(|cause| ChainError::rpc("newest block", EndpointFailure::from(cause)))
    }

    /// Hash of the chain's first block, as it was when the client connected.
    #[must_use]
    pub const fn genesis(&self) -> B256 {
        self.identity.genesis
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

    /// Sends requests to the endpoint that is asked at present, and to another one where that
    /// fails.
    #[must_use]
    pub fn provider(&self) -> &DynProvider {
        self.endpoints.provider()
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
